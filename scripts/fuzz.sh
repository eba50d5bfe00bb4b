#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# fuzz.sh FOLDER SECONDS - run every fuzz target of a folder for so long, one after another. What a
# target has learnt stays beside it in NAME.corpus; an input that breaks it is named and kept.
set -eu
folder=$1
seconds=$2
for target in "$folder"/fuzz_*; do
	case $target in
	*.corpus | *-log | *-crash-* | *-leak-* | *-timeout-* | *-oom-*) continue ;;
	esac
	if [ ! -x "$target" ]; then
		echo "fuzz.sh: no targets in $folder" >&2
		exit 2
	fi
	name=${target##*/}
	seeds=tests/fuzz/seeds/$name
	mkdir -p "$target.corpus"
	echo "$name for $seconds s"
	if ! "$target" -max_total_time="$seconds" -timeout=10 -max_len=4096 \
		-artifact_prefix="$target-" "$target.corpus" \
		$([ -d "$seeds" ] && echo "$seeds") 2>"$target-log"; then
		tail -n 60 "$target-log" >&2
		exit 1
	fi
	echo "$name: $(find "$target.corpus" -type f | wc -l) inputs kept, none breaks it"
done
