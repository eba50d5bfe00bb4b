# SPDX-License-Identifier: BSD-2-Clause
# Completion of mpprobe for bash: commands and options from its own help, interfaces; else files.

_mpprobe()
{
	local cur=${COMP_WORDS[COMP_CWORD]} program=${COMP_WORDS[0]} command=${COMP_WORDS[1]} words=
	if [ "$COMP_CWORD" = 1 ]; then
		words=$("$program" --help | sed -n 's/^  \([a-z-]*\)  .*/\1/p')
	elif [ "${cur#-}" != "$cur" ]; then
		words=$("$program" "$command" --help 2>/dev/null | sed -n 's/^  \(--[a-z-]*\).*/\1/p')
	else
		case $command:${COMP_WORDS[COMP_CWORD - 1]} in
		*:--via) words=$(ls /sys/class/net) ;;
		serve:--mptcp) words='0 1 both' ;;
		*:--mptcp) words='0 1' ;;
		esac
	fi
	COMPREPLY=($(compgen -W "$words" -- "$cur"))
}

complete -o default -F _mpprobe mpprobe
