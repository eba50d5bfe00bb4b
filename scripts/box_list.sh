#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Print the C table of boxes named on the command line (base names of the files in mbtest/box).
# A box in mss_clamp.c defines box_type_mss_clamp and is called mss-clamp.
echo '#include "mbtest/box.h"'
for box; do
	echo "extern const struct box_type box_type_$box;"
done
echo 'const struct box_entry box_list[] = {'
for box; do
	echo "	{ \"$(echo "$box" | tr _ -)\", &box_type_$box },"
done
echo '	{ 0 },'
echo '};'
