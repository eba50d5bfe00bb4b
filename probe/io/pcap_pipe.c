/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/io/pcap_pipe.h"

#include "probe/base/alloc.h"
#include "probe/io/pcap_link.h"

#include <pcap/pcap.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SNAP_LENGTH = 65535 };

struct pcap_pipe {
	pcap_t *format; /* of what is written */
	pcap_dumper_t *out;
	char *out_path, *in_path;
	pcap_t *in; /* NULL: not opened yet */
	bool vain;  /* it could not be opened */
	struct pcap_link link;
};

struct pcap_pipe *pcap_pipe_open(const char *out, const char *in, struct err *err)
{
	struct pcap_pipe *pipe = xcalloc(1, sizeof(*pipe));

	pipe->out_path = xstrdup(out);
	pipe->in_path = xstrdup(in);
	if (access(in, R_OK) < 0) {
		err_set_errno(err, "cannot read %s", in);
		pcap_pipe_close(pipe);
		return NULL;
	}
	pipe->format = pcap_open_dead(DLT_RAW, SNAP_LENGTH);
	if (pipe->format != NULL)
		pipe->out = pcap_dump_open(pipe->format, out);
	if (pipe->out != NULL && pcap_dump_flush(pipe->out) == 0)
		return pipe;
	err_set(err, "cannot write %s: %s", out,
		pipe->format != NULL ? pcap_geterr(pipe->format) : "out of memory");
	pcap_pipe_close(pipe);
	return NULL;
}

/* What was sent to nobody is no capture. */
static void remove_out(const struct pcap_pipe *pipe)
{
	struct stat status;

	if (stat(pipe->out_path, &status) == 0 && S_ISREG(status.st_mode))
		unlink(pipe->out_path);
}

void pcap_pipe_close(struct pcap_pipe *pipe)
{
	if (pipe == NULL)
		return;
	if (pipe->out != NULL)
		pcap_dump_close(pipe->out);
	if (pipe->vain)
		remove_out(pipe);
	if (pipe->format != NULL)
		pcap_close(pipe->format);
	if (pipe->in != NULL)
		pcap_close(pipe->in);
	free(pipe->out_path);
	free(pipe->in_path);
	free(pipe);
}

bool pcap_pipe_send(struct pcap_pipe *pipe, const struct packet *packet, struct err *err)
{
	struct pcap_pkthdr header = { .caplen = packet->length, .len = packet->length };

	pcap_dump((u_char *)pipe->out, &header, packet_data(packet));
	if (pcap_dump_flush(pipe->out) != 0)
		return err_set_errno(err, "cannot write the capture of what is sent");
	return true;
}

static bool open_in(struct pcap_pipe *pipe, struct err *err)
{
	char text[PCAP_ERRBUF_SIZE];

	pipe->in = pcap_open_offline(pipe->in_path, text);
	if (pipe->in == NULL) {
		if (strncmp(text, pipe->in_path, strlen(pipe->in_path)) == 0)
			return err_set(err, "cannot read %s", text);
		return err_set(err, "cannot read %s: %s", pipe->in_path, text);
	}
	if (pcap_link_find(&pipe->link, pcap_datalink(pipe->in)))
		return true;
	return err_set(err, "%s has link type %d, which is not known here", pipe->in_path,
		pcap_datalink(pipe->in));
}

bool pcap_pipe_receive(struct pcap_pipe *pipe, struct packet *packet, struct err *err)
{
	struct pcap_pkthdr *header;
	const uint8_t *bytes;
	int status;

	if (pipe->in == NULL && !open_in(pipe, err)) {
		pipe->vain = true;
		return false;
	}
	while ((status = pcap_next_ex(pipe->in, &header, &bytes)) == 1)
		if (pcap_link_read(&pipe->link, bytes, header->caplen, packet))
			return true;
	if (status == PCAP_ERROR_BREAK)
		return err_set(err, "%s ends before the answer to a probe", pipe->in_path);
	return err_set(err, "cannot read %s: %s", pipe->in_path, pcap_geterr(pipe->in));
}
