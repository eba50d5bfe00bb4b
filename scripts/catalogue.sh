#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# catalogue.sh MBTEST - print doc/catalogue.md: everything that mbtest lists, in its own words.
set -eu
mbtest=$1
cat <<'TEXT'
# Catalogue

Made by `make doc` from what `mbtest list` prints; a test fails when it is out of date.
TEXT
for topic in boxes suites faults rules; do
	printf '\n## %s\n```\n' "$(printf %s "$topic" | cut -c1 | tr a-z A-Z)${topic#?}"
	"$mbtest" list "$topic" | grep -v '^    scenarios: '
	printf '```\n'
done
