# SPDX-License-Identifier: BSD-2-Clause
# Completion of mbtest for bash: commands and options from its own help, names from its catalogue.

_mbtest()
{
	local cur=${COMP_WORDS[COMP_CWORD]} program=${COMP_WORDS[0]} command=${COMP_WORDS[1]} words=
	if [ "$COMP_CWORD" = 1 ]; then
		words=$("$program" --help | sed -n 's/^  \([a-z-]*\)  .*/\1/p')
	elif [ "${cur#-}" != "$cur" ]; then
		words=$("$program" "$command" --help | sed -n 's/^  \(--[a-z-]*\).*/\1/p')
	else
		case $command:${COMP_WORDS[COMP_CWORD - 1]} in
		*:--client) words='sim sim:uclouvain sim:swinburne sim:anon sim:citrix kernel' ;;
		*:--server) words='sim sim:uclouvain sim:swinburne sim:anon sim:citrix kernel remote:' ;;
		*:--mptcp) words='0 1 both' ;;
		*:--checksum) words='on off both' ;;
		*:--family) words='4 6 both' ;;
		list:*) words='boxes suites scenarios faults rules' ;;
		run:*) words=$("$program" list suites | sed -n 's/^\([a-z][a-z0-9-]*\).*/\1/p') ;;
		esac
	fi
	COMPREPLY=($(compgen -W "$words" -- "$cur"))
}

complete -o default -F _mbtest mbtest
