#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Print a C table holding the Lua files named on the command line.
echo '#include "lua/files.h"'
n=0
for file; do
	n=$((n + 1))
	echo "static const unsigned char file_$n[] = {"
	od -An -v -tx1 "$file" | sed 's/ \(..\)/0x\1,/g'
	echo '0 };'
done
echo 'const struct lua_file lua_files[] = {'
n=0
for file; do
	n=$((n + 1))
	echo "	{ \"$file\", file_$n, sizeof(file_$n) - 1 },"
done
echo '	{ 0, 0, 0 },'
echo '};'
