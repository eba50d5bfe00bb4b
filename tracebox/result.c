/* SPDX-License-Identifier: BSD-2-Clause */
#include "tracebox/result.h"

#include "probe/base/alloc.h"

#include <stdlib.h>

void result_add_finding(struct result *result, const struct finding *finding)
{
	result->findings = xgrow(result->findings, result->finding_count, &result->finding_capacity,
		sizeof(*finding));
	result->findings[result->finding_count++] = *finding;
}

static int finding_order(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;

	if (x->before->ttl != y->before->ttl)
		return x->before->ttl < y->before->ttl ? -1 : 1;
	return x->change.before_offset < y->change.before_offset
		? -1
		: x->change.before_offset > y->change.before_offset;
}

void result_sort(struct result *result)
{
	if (result->finding_count > 0)
		qsort(result->findings, result->finding_count, sizeof(*result->findings),
			finding_order);
}

const char *finding_name(const struct finding *finding, char buf[static OPTID_TEXT])
{
	return change_name(&finding->change, buf);
}

const char *finding_before(const struct finding *finding, char *buf, size_t size)
{
	const struct hop_view *previous = finding->previous;
	const struct change *earlier =
		previous != NULL ? view_change(previous, &finding->change) : NULL;

	if (earlier != NULL)
		return change_after(earlier, previous->quote, previous->layers.known, buf, size);
	return change_before(&finding->change, finding->before->sent, buf, size);
}

const char *finding_after(const struct finding *finding, char *buf, size_t size)
{
	const struct hop_view *view = finding->before;
	const struct change *now = view_change(view, &finding->change);

	if (now == NULL && !finding->is_hidden) /* changed back to what was sent */
		return change_before(&finding->change, view->sent, buf, size);
	return change_after(now != NULL ? now : &finding->change, view->quote, view->layers.known,
		buf, size);
}
