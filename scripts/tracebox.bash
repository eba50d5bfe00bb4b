# SPDX-License-Identifier: BSD-2-Clause
# Completion of tracebox for bash: options from its own help, interfaces, hosts; else files.

_tracebox()
{
	local cur=${COMP_WORDS[COMP_CWORD]} program=${COMP_WORDS[0]} words=
	if [ "${cur#-}" != "$cur" ]; then
		words=$("$program" --help | sed -n 's/^  \(-[a-zA-Z0-9-]*\).*/\1/p')
	else
		case ${COMP_WORDS[COMP_CWORD - 1]} in
		-i) words=$(ls /sys/class/net) ;;
		--mptcp) words='0 1' ;;
		-f | -l | -p | -s | --sim | --bundle | --svg | --targets) ;;
		*) words=$(compgen -A hostname -- "$cur") ;;
		esac
	fi
	COMPREPLY=($(compgen -W "$words" -- "$cur"))
}

complete -o default -F _tracebox tracebox
