# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# Which QEMU runs the guest.
#
# Before version 8.1, a CPU of QEMU's TCG that translates a piece of text while another one changes it may keep
# the old piece for good: the guest dies of the int3 that marks the place of a static key, a tracepoint or a BPF
# program that is being changed, although memory has the instruction again. (7.2, with three tracepoints turned
# on and off all the time: dead in less than 100 s. 10.0: alive after 400 s.) Debian 12 has 7.2. So for TCG a newer
# one comes from the backports of this machine's Debian, into the cache: nothing is installed, and nothing of the
# machine's changes.
#
# Instructions are counted by the installed one: with all CPUs in one thread the above can not happen, and the kept
# figures (docs/bench) are its. 10.0 counts 2.5 instructions for each word of a rep movs, 7.2 one.
#
# emulator_resolve sets QEMU, an array: the command, and where its firmware is. It needs ACCEL and ICOUNT.

EMULATOR_SINCE=8.1
EMULATOR_PACKAGES=(qemu-system-x86 qemu-system-data seabios)

emulator_resolve() {
	local dir codename
	QEMU=("${STATCHAN_QEMU:-qemu-system-x86_64}")
	[[ -z ${STATCHAN_QEMU-} && $ACCEL != kvm && $ICOUNT != yes ]] || return 0
	! emulator_is_new "${QEMU[0]}" || return 0
	codename=$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")
	dir=$(lab_cache)/emulator/$codename
	[[ -e $dir/usr ]] || with_lock "$dir.lock" emulator_fetch "$codename" "$dir" || die "$EXIT_LAB" \
		"guests need QEMU $EMULATOR_SINCE or newer, and $codename-backports could not be had: see above, or set STATCHAN_QEMU"
	QEMU=("$dir/usr/bin/qemu-system-x86_64" -L "$dir/usr/share/qemu" -L "$dir/usr/share/seabios")
}

# "QEMU emulator version 7.2.22 (Debian ...)"
emulator_is_new() {
	local version
	version=$("$1" --version | sed -nE '1s/.* version ([0-9.]+).*/\1/p')
	printf '%s\n' "$EMULATOR_SINCE" "$version" | sort -VC
}

# apt is told of the backports by files of ours only.
emulator_fetch() {
	local codename=$1 dir=$2 work
	[[ ! -e $dir/usr ]] || return 0
	note "fetching QEMU from $codename-backports (once)"
	work=$(mktemp -d "$dir.XXXXXX") || return
	# shellcheck disable=SC2064 # with_lock made this a subshell: its end cleans up
	trap "rm -rf '$work'" EXIT
	chmod 755 "$work"
	emulator_download "$codename" "$work" >"$work/log" 2>&1 || { cat "$work/log" >&2; return 1; }
	mkdir -p "$dir" && mv "$work/usr" "$dir/usr"
}

emulator_download() {
	local codename=$1 work=$2 package
	local -a apt=(apt-get -q -o "Dir::Etc::SourceList=$work/backports.sources" -o "Dir::Etc::SourceParts=$work/no-others"
		-o "Dir::State::Lists=$work/lists")
	mkdir -p "$work/lists/partial" "$work/no-others"
	emulator_source "$codename" >"$work/backports.sources" || return
	"${apt[@]}" update && (cd "$work" && "${apt[@]}" download "${EMULATOR_PACKAGES[@]}") || return
	for package in "$work"/*.deb; do dpkg-deb -x "$package" "$work" || return; done
	emulator_is_new "$work/usr/bin/qemu-system-x86_64"
}

# From where this machine has Debian itself.
emulator_source() {
	local uri
	# shellcheck disable=SC2016 # apt fills it in
	uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' "Codename: $1" 'Component: main' |
		head -n 1)
	[[ $uri ]] || { echo "apt has no source for Debian's $1: run apt-get update" >&2; return 1; }
	cat <<-END
		Types: deb
		URIs: $uri
		Suites: $1-backports
		Components: main
		Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
	END
}
