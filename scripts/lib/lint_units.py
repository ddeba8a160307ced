#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs a checker over C++ files, several at a time.

Most of what a checker does for one file it does for the headers. So files that are compiled
alike are included into one, a group, as far as their names allow: what two files have in their
unnamed namespaces must differ. A group that the compiler does not take after all is halved. A
group without a finding is remembered, by all that went into it, and not looked at again.
"""
import argparse
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

# Compiled by these options, files can be one unit.
ALIKE = re.compile(r'^-([DIfm]|isystem|std=)')


class Group:
    def __init__(self, options, files=()):
        self.options = options
        self.files = list(files)
        self.names = set()

    def halves(self):
        middle = len(self.files) // 2
        return [Group(self.options, part) for part in (self.files[:middle], self.files[middle:])]


def digest(*parts):
    """The same for each clone of the project, wherever it is."""
    return hashlib.sha256('\0'.join(parts).replace(os.getcwd() + '/', '').encode()).hexdigest()


def options_of(entry):
    """What the compiler is told, without its input and output."""
    words = shlex.split(entry['command'])[1:]
    kept = []
    for at, word in enumerate(words):
        if words[at - 1] == '-isystem' or ALIKE.match(word):
            kept.append(word)
    return kept


def private_names(text):
    """Names that the file's unnamed namespaces declare; clang-format does not indent those."""
    names = set()
    inside = False
    for line in text.splitlines():
        if line == 'namespace {':
            inside = True
        elif line == '}  // namespace':
            inside = False
        elif inside and re.match(r'(?!using [^=]*;|using \w+ = [^;]*;|namespace |[A-Z_]+\()[a-zA-Z]', line):
            found = re.match(r'(?:struct|class|enum class|enum|using) (\w+)', line) or \
                re.search(r'\b([a-z]\w*)(?:\[\w*\])?(?:\(|\{| =|;)', line)
            if found:
                names.add(found.group(1))
    return names


def grouped(entries, size):
    """Each file into the smallest group that it can be in: what a group is compiled with, all that
    its files are, and nobody minds a definition or a folder more."""
    groups = []
    alike = {}
    for entry in sorted(entries, key=lambda entry: -len(options_of(entry))):
        options = options_of(entry)
        covered = next((known for known in alike if set(options) <= set(known)), tuple(options))
        alike.setdefault(covered, []).append(entry['file'])
    for options, files in alike.items():
        own = [Group(options) for _ in range(-(-len(files) // size))]
        for path in files:
            with open(path, encoding='utf-8') as source:
                names = private_names(source.read())
            fitting = [group for group in own if not group.names & names]
            if not fitting:
                fitting = [Group(options)]
                own += fitting
            group = min(fitting, key=lambda group: len(group.files))
            group.files.append(path)
            group.names |= names
        groups += own
    return groups


def chosen(database, files):
    with open(database, encoding='utf-8') as file:
        entries = {entry['file']: entry for entry in json.load(file)}
    paths = [os.path.abspath(path) for path in files if path.endswith('.cpp')]
    unknown = [path for path in paths if path not in entries]
    if unknown:
        sys.exit(f'{unknown[0]}:1: no target of the build compiles it')
    return [entries[path] for path in paths]


class Checker:
    def __init__(self, command, salt, work, cache):
        self.command = command
        self.salt = salt
        self.work = work
        self.cache = cache

    def state(self, group, inputs):
        parts = [self.salt, *self.command, *group.options]
        for path in inputs:
            with open(path, encoding='utf-8') as file:
                parts += [path, file.read()]
        return digest(*parts)

    def memory(self, group):
        return os.path.join(self.cache, digest(*self.command, *group.options, *group.files))

    def remembered(self, group):
        try:
            with open(self.memory(group), encoding='utf-8') as file:
                state, *inputs = file.read().splitlines()
            return state == self.state(group, inputs)
        except OSError:
            return False

    def remember(self, group, source):
        made_of = subprocess.run(['g++', *group.options, '-MM', source], check=True,
                                 capture_output=True, text=True).stdout
        inputs = made_of.replace('\\\n', ' ').split()[1:]
        os.makedirs(self.cache, exist_ok=True)
        inputs = [os.path.relpath(path) for path in inputs if path != source]
        with open(self.memory(group), 'w', encoding='utf-8') as file:
            file.write('\n'.join([self.state(group, inputs), *inputs]))

    def run(self, group, source):
        words = []
        for part in self.command:
            words += {'{}': [source], '{options}': group.options}.get(part, [part])
        ran = subprocess.run(words, capture_output=True, text=True, check=False)
        if ran.returncode == 0 and 'warning:' not in ran.stdout + ran.stderr:
            return ''
        return ran.stdout + ran.stderr

    def compiles(self, group, source):
        return len(group.files) == 1 or subprocess.run(
            ['g++', *group.options, '-fsyntax-only', '-w', source], capture_output=True,
            check=False).returncode == 0

    def check(self, group):
        """What the checker says of the files."""
        if self.remembered(group):
            return ''
        source = os.path.join(self.work, digest(*group.files) + '.cpp')
        with open(source, 'w', encoding='utf-8') as file:
            file.writelines(f'#include "{path}" // NOLINT\n' for path in group.files)
        if not self.compiles(group, source):
            return ''.join(self.check(half) for half in group.halves())
        said = self.run(group, source)
        if not said:
            self.remember(group, source)
        return said


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], usage='%(prog)s OPTION... FILE... -- COMMAND...',
        epilog="In the command {} is the file, {options} are the compiler's.")
    parser.add_argument('--database', required=True, help='compile_commands.json')
    parser.add_argument('--work', required=True, help='folder for the groups')
    parser.add_argument('--cache', required=True, help='folder for what is remembered')
    parser.add_argument('--salt', required=True, help='what else a result depends on')
    parser.add_argument('--size', type=int, default=40, help='files in a group')
    parser.add_argument('--jobs', type=int, default=os.cpu_count())
    parser.add_argument('files', nargs='+')
    split = sys.argv.index('--')
    told = parser.parse_args(sys.argv[1:split])
    groups = grouped(chosen(told.database, told.files), told.size)
    os.makedirs(told.work, exist_ok=True)
    checker = Checker(sys.argv[split + 1:], told.salt, told.work, told.cache)
    with ThreadPoolExecutor(told.jobs) as pool:
        found = [sys.stdout.write(said) for said in pool.map(checker.check, groups) if said]
    return 1 if found else 0


sys.exit(main())
