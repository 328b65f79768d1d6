/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * vhost-switch SIDE SIDE: carries frames between two guests' vhost-user interfaces of one queue
 * pair.  A side is connect:PATH, where QEMU has made the socket or will, or listen:PATH. */

#include <config.h>

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Of the vhost-user protocol. */
enum {
  GET_FEATURES = 1,
  SET_MEM_TABLE = 5,
  SET_VRING_NUM = 8,
  SET_VRING_ADDR = 9,
  SET_VRING_BASE = 10,
  GET_VRING_BASE = 11,
  SET_VRING_KICK = 12,
  SET_VRING_CALL = 13,
  SET_VRING_ERR = 14,
  GET_PROTOCOL_FEATURES = 15,
  REPLY = 5,     /* version 1, and bit 2 */
  NO_FD = 0x100, /* of SET_VRING_KICK and its like */
  HEADER = 12,   /* of a frame, as virtio 1.0 has it */
  MOST_FRAME = 65562,
  MOST_REGIONS = 8,
  NEXT = 1,         /* flags of a descriptor */
  LOOK_AGAIN = 100, /* ms between two looks for a socket that QEMU has not made yet */
};
/* VIRTIO_NET_F_MRG_RXBUF, CTRL_VQ, CTRL_RX, GUEST_ANNOUNCE, VHOST_USER_F_PROTOCOL_FEATURES,
 * VIRTIO_F_VERSION_1: as other switches do. */
#define BIT(n) (UINT64_C (1) << (n))
#define FEATURES (BIT (15) | BIT (17) | BIT (18) | BIT (21) | BIT (30) | BIT (32))

struct descriptor {
  uint64_t address;
  uint32_t length;
  uint16_t flags, next;
};

struct ring {
  uint32_t size;
  uint16_t seen; /* buffers taken */
  struct descriptor *descriptors;
  uint16_t *avail, *used; /* flags, index, entries */
  int kick, call;
};

struct region {
  uint64_t guest, size, user, offset;
};

struct side {
  const char *path;
  int listens, door, fd;
  struct region regions[MOST_REGIONS];
  char *maps[MOST_REGIONS];
  uint32_t n_regions;
  struct ring rings[2]; /* what the guest receives, what it sends */
};

struct message {
  uint32_t request, flags, size;
  union {
    uint64_t number;
    struct {
      uint32_t index, number;
    } state;
    struct {
      uint32_t index, flags;
      uint64_t descriptors, used, avail, log;
    } addresses;
    struct {
      uint32_t n, padding;
      struct region regions[MOST_REGIONS];
    } memory;
  } body;
} __attribute__ ((packed));

static void
forget_memory (struct side *side)
{
  for (uint32_t i = 0; i < side->n_regions; i++)
    munmap (side->maps[i], side->regions[i].size + side->regions[i].offset);
  side->n_regions = 0;
}

static void
hang_up (struct side *side)
{
  for (int i = 0; i < 2; i++) {
    if (side->rings[i].kick >= 0)
      close (side->rings[i].kick);
    if (side->rings[i].call >= 0)
      close (side->rings[i].call);
    side->rings[i] = (struct ring) { .kick = -1, .call = -1 };
  }
  forget_memory (side);
  if (side->fd >= 0)
    close (side->fd);
  side->fd = -1;
}

/* LENGTH bytes at ADDRESS, the guest's own or, with USER, QEMU's; NULL: not all are there. */
static void *
at (struct side *side, uint64_t address, uint64_t length, int user)
{
  for (uint32_t i = 0; i < side->n_regions; i++) {
    const struct region *region = &side->regions[i];
    uint64_t start = user ? region->user : region->guest;

    if (address >= start && length <= region->size && address - start <= region->size - length)
      return side->maps[i] + region->offset + (address - start);
  }
  return NULL;
}

static void
map_memory (struct side *side, const struct message *message, int *fds)
{
  forget_memory (side);
  for (uint32_t i = 0; i < message->body.memory.n && i < MOST_REGIONS; i++) {
    struct region region = message->body.memory.regions[i];
    void *map =
        mmap (NULL, region.size + region.offset, PROT_READ | PROT_WRITE, MAP_SHARED, fds[i], 0);

    close (fds[i]);
    if (map == MAP_FAILED) {
      perror ("vhost-switch: memory that is not shared");
      exit (1);
    }
    side->regions[i] = region;
    side->maps[i] = map;
    side->n_regions = i + 1;
  }
}

static void
set_file (int *file, const struct message *message, const int *fds)
{
  if (*file >= 0)
    close (*file);
  *file = message->body.number & NO_FD ? -1 : fds[0];
}

static void
reply (struct side *side, struct message *message, uint32_t size)
{
  message->flags = REPLY;
  message->size = size;
  if (send (side->fd, message, 12 + size, MSG_NOSIGNAL) < 0)
    hang_up (side);
}

/* One message, and up to MOST_REGIONS files with it; 0 where the other end is gone. */
static int
receive (struct side *side, struct message *message, int *fds)
{
  char control[CMSG_SPACE (MOST_REGIONS * sizeof (int))];
  struct iovec part = { message, 12 };
  struct msghdr header = {
    .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
  };
  struct cmsghdr *files;

  memset (fds, -1, MOST_REGIONS * sizeof *fds);
  if (recvmsg (side->fd, &header, MSG_CMSG_CLOEXEC | MSG_WAITALL) != 12
      || message->size > sizeof message->body)
    return 0;
  files = CMSG_FIRSTHDR (&header);
  if (files && files->cmsg_type == SCM_RIGHTS)
    memcpy (fds, CMSG_DATA (files), files->cmsg_len - CMSG_LEN (0));
  return message->size == 0
         || recv (side->fd, &message->body, message->size, MSG_WAITALL) == (ssize_t)message->size;
}

static void
obey (struct side *side)
{
  struct message message = { 0 };
  int fds[MOST_REGIONS];
  struct ring *ring;

  if (! receive (side, &message, fds)) {
    hang_up (side);
    return;
  }
  ring = &side->rings[message.body.state.index & 1];
  switch (message.request) {
  case GET_FEATURES:
    message.body.number = FEATURES;
    reply (side, &message, 8);
    break;
  case GET_PROTOCOL_FEATURES:
    message.body.number = 0;
    reply (side, &message, 8);
    break;
  case SET_MEM_TABLE:
    map_memory (side, &message, fds);
    break;
  case SET_VRING_NUM:
    ring->size = message.body.state.number;
    break;
  case SET_VRING_BASE:
    ring->seen = (uint16_t)message.body.state.number;
    break;
  case GET_VRING_BASE:
    message.body.state.number = ring->seen;
    ring->descriptors = NULL;
    reply (side, &message, 8);
    break;
  case SET_VRING_ADDR:
    ring->descriptors = at (side, message.body.addresses.descriptors, 16 * ring->size, 1);
    ring->avail = at (side, message.body.addresses.avail, 6 + 2 * ring->size, 1);
    ring->used = at (side, message.body.addresses.used, 6 + 8 * ring->size, 1);
    break;
  case SET_VRING_KICK:
    set_file (&ring->kick, &message, fds);
    break;
  case SET_VRING_CALL:
    set_file (&ring->call, &message, fds);
    break;
  case SET_VRING_ERR:
    if (fds[0] >= 0)
      close (fds[0]);
    break;
  default:
    break;
  }
}

/* The first descriptor of the next buffer, or -1. */
static int
next_buffer (const struct ring *ring)
{
  if (ring->descriptors == NULL || ring->avail == NULL || ring->used == NULL
      || __atomic_load_n (&ring->avail[1], __ATOMIC_ACQUIRE) == ring->seen)
    return -1;
  return ring->avail[2 + ring->seen % ring->size] % (int)ring->size;
}

/* The buffer that begins at FIRST is done; LENGTH bytes of it were written. */
static void
give_back (struct ring *ring, int first, uint32_t length)
{
  uint16_t index = ring->used[1];
  uint32_t entry[2] = { (uint32_t)first, length };

  memcpy (&ring->used[2 + 4 * (index % ring->size)], entry, sizeof entry);
  __atomic_store_n (&ring->used[1], (uint16_t)(index + 1), __ATOMIC_RELEASE);
  ring->seen++;
  if (ring->call >= 0 && write (ring->call, &(uint64_t) { 1 }, 8) < 0)
    perror ("vhost-switch: call");
}

/* Moves at most LENGTH bytes between FRAME and the buffer that begins at FIRST; how many. */
static uint32_t
copy (struct side *side, const struct ring *ring, int first, char *frame, uint32_t length, int out)
{
  uint32_t done = 0;

  for (uint32_t links = 0; links < ring->size && done < length; links++) {
    const struct descriptor *d = &ring->descriptors[first];
    uint32_t n = d->length < length - done ? d->length : length - done;
    char *bytes = at (side, d->address, n, 0);

    if (bytes == NULL)
      break;
    if (out)
      memcpy (bytes, frame + done, n);
    else
      memcpy (frame + done, bytes, n);
    done += n;
    if (! (d->flags & NEXT))
      break;
    first = d->next % (int)ring->size;
  }
  return done;
}

/* Everything that FROM has sent, to TO; where TO has no room it is lost, as on any wire. */
static void
carry (struct side *from, struct side *to)
{
  static char frame[MOST_FRAME];
  struct ring *sent = &from->rings[1], *room = &to->rings[0];
  int first, into;

  while ((first = next_buffer (sent)) >= 0) {
    uint32_t length = copy (from, sent, first, frame, sizeof frame, 0);

    give_back (sent, first, 0);
    into = next_buffer (room);
    if (length <= HEADER || into < 0)
      continue;
    memset (frame, 0, HEADER);
    frame[10] = 1; /* in one buffer */
    give_back (room, into, copy (to, room, into, frame, length, 1));
  }
}

static void
call_up (struct side *side)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  if (side->fd >= 0 || side->listens)
    return;
  strncpy (address.sun_path, side->path, sizeof address.sun_path - 1);
  side->fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect (side->fd, (struct sockaddr *)&address, sizeof address) < 0)
    hang_up (side);
}

static void
begin (struct side *side, const char *text)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  side->listens = strncmp (text, "listen:", 7) == 0;
  side->path = strchr (text, ':') + 1;
  side->fd = side->door = -1;
  hang_up (side);
  if (! side->listens)
    return;
  strncpy (address.sun_path, side->path, sizeof address.sun_path - 1);
  side->door = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind (side->door, (struct sockaddr *)&address, sizeof address) < 0
      || listen (side->door, 1) < 0) {
    perror (side->path);
    exit (2);
  }
}

int
main (int argc, char **argv)
{
  static struct side sides[2];
  uint64_t count;

  if (argc != 3 || strchr (argv[1], ':') == NULL || strchr (argv[2], ':') == NULL)
    return 2;
  for (int i = 0; i < 2; i++) {
    sides[i].rings[0].kick = sides[i].rings[0].call = -1;
    sides[i].rings[1].kick = sides[i].rings[1].call = -1;
    begin (&sides[i], argv[i + 1]);
  }
  for (;;) {
    struct pollfd polled[6];

    for (int i = 0; i < 2; i++) {
      call_up (&sides[i]);
      polled[3 * i] = (struct pollfd) { sides[i].fd < 0 ? sides[i].door : -1, POLLIN, 0 };
      polled[3 * i + 1] = (struct pollfd) { sides[i].fd, POLLIN, 0 };
      polled[3 * i + 2] = (struct pollfd) { sides[i].rings[1].kick, POLLIN, 0 };
    }
    if (poll (polled, 6, LOOK_AGAIN) < 0 && errno != EINTR)
      return 1;
    for (int i = 0; i < 2; i++) {
      if (polled[3 * i].revents)
        sides[i].fd = accept4 (sides[i].door, NULL, NULL, SOCK_CLOEXEC);
      if (polled[3 * i + 2].revents && read (sides[i].rings[1].kick, &count, sizeof count) > 0)
        carry (&sides[i], &sides[! i]);
      if (polled[3 * i + 1].revents)
        obey (&sides[i]);
    }
  }
}
