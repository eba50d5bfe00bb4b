# SPDX-License-Identifier: BSD-2-Clause
# Completion of mbtest for bash: commands and options from its own help, names from its catalogue.

_mbtest()
{
	local cur=${COMP_WORDS[COMP_CWORD]} program=${COMP_WORDS[0]} command=${COMP_WORDS[1]} words=
	local before=${COMP_WORDS[COMP_CWORD - 1]} takes=
	if [ "$COMP_CWORD" = 1 ]; then
		words=$("$program" --help | sed -n 's/^  \([a-z-]*\)  .*/\1/p')
	elif [ "${cur#-}" != "$cur" ]; then
		words=$("$program" "$command" --help 2>/dev/null | sed -n 's/^  \(--[a-z-]*\).*/\1/p')
	else
		# What the option before takes: a kind of thing, or the words there are.
		takes=$("$program" "$command" --help 2>/dev/null | awk -v name="$before" \
			'$1 == name && /^  --[a-z-]* [^ ]/ { print $2 }')
		case $command:$before:$takes in
		*:--fault:*) words=$("$program" list faults | sed -n 's/^\([a-z][a-z0-9-]*\).*/\1/p') ;;
		*:STACK)
			words='sim sim:uclouvain sim:swinburne sim:anon sim:citrix kernel'
			[ "$before" = --client ] || words="$words remote:"
			;;
		*:IF) words=$(ls /sys/class/net) ;;
		*:*'|'*) words=${takes//|/ } ;;
		*:*:?*) ;;
		list:*) words='boxes suites scenarios faults rules' ;;
		new:*) words=box ;;
		run:* | selftest:*) words=$("$program" list suites | sed -n 's/^\([a-z][a-z0-9-]*\).*/\1/p') ;;
		esac
	fi
	COMPREPLY=($(compgen -W "$words" -- "$cur"))
}

complete -o default -F _mbtest mbtest
