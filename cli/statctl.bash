# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Completion of statctl for bash: the words of --help, and the names of what there is.

_statctl_commands() {
	statctl "$@" --help | sed -nE '/^Commands:/,/^$/s/^  ([a-z]+) .*/\1/p'
}

_statctl_options() {
	statctl "$@" --help | grep -oE '^  (-[a-zA-Z],)?--[a-z-]+' | grep -oE -- '--[a-z-]+'
}

# _statctl_column N COMMAND: the Nth column of the table that a command prints.
_statctl_column() {
	statctl "$2" | awk -v n="$1" 'NR > 1 { print $n }'
}

# What may follow the words so far, options left out.
_statctl_words() {
	case $* in
	'') _statctl_commands ;;
	source) _statctl_commands source ;;
	'source add') echo netdev synth ;;
	'source add netdev') ls /sys/class/net ;;
	'source del' | set | schema | get | watch | samples | verify) _statctl_column 2 sources ;;
	ledger) _statctl_column 1 ledger ;;
	esac
}

# Options that are followed by a value: those with a capital word in --help.
_statctl_values() {
	statctl "$@" --help | sed -nE 's/^  (-[a-zA-Z],)?(--[a-z-]+) [A-Z0-9].*/\1 \2/p' | tr -s ', ' '\n'
}

_statctl() {
	local current=${COMP_WORDS[COMP_CWORD]} word before='' words values
	local -a command=()
	values=$(_statctl_values 2>/dev/null)
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		case $word in
		=) continue ;; # bash ends words there, and at ':'
		:) before=: && continue ;;
		-*) ;;
		*)
			if [[ $before = : ]] || grep -qxF -- "$before" <<<"$values"; then
				word=''
			else
				command+=("$word")
				((${#command[@]} > 1)) || values+=$'\n'$(_statctl_values "$word" 2>/dev/null)
			fi
			;;
		esac
		before=$word
	done
	[[ $current != = && $current != : ]] || current=''
	case $before,$current in
	-t,* | --transport,*) words=$(_statctl_column 1 transports) ;;
	-w,* | --write,*) return ;; # a file
	*,-*) words=$(_statctl_options "${command[@]:0:1}") ;;
	*) words=$(_statctl_words "${command[@]}") ;;
	esac 2>/dev/null
	# not compgen -W, which expands what it is given: names of interfaces are anybody's choice
	COMPREPLY=()
	while read -r word; do
		[[ -z $word || $word != "$current"* ]] || COMPREPLY+=("$(printf '%q' "$word")")
	done < <(tr -s ' ' '\n' <<<"$words")
}
complete -o default -F _statctl statctl
