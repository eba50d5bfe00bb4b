# SPDX-License-Identifier: BSD-2-Clause
# Completion of mpprobe for bash: commands and options from its own help; else files.

_mpprobe()
{
	local cur=${COMP_WORDS[COMP_CWORD]} program=${COMP_WORDS[0]} command=${COMP_WORDS[1]} words=
	if [ "$COMP_CWORD" = 1 ]; then
		words=$("$program" --help | sed -n 's/^  \([a-z-]*\)  .*/\1/p')
	elif [ "${cur#-}" != "$cur" ]; then
		words=$("$program" "$command" --help | sed -n 's/^  \(--[a-z-]*\).*/\1/p')
	fi
	COMPREPLY=($(compgen -W "$words" -- "$cur"))
}

complete -o default -F _mpprobe mpprobe
