/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * numa: the guest's NUMA cells, and the host's cells that hold them.  One cell
 * unless the request says otherwise; whoever needs a cell wakes this feature.
 * Owns cpu/numa and numatune. */

#include <config.h>

#include <virtloom/cpuset.h>

#include <inttypes.h>
#include <string.h>

/* What Nova reads of hw:numa_cpus.N. */
#define MAX_CELLS 128
#define MAX_PAGE_SIZES 8

#define ROW(row, text, ...)                                                                        \
  {                                                                                                \
    .name = row, .help = text, .since = "0.1.0", __VA_ARGS__                                       \
  }

static const struct vl_prop props[] = {
  ROW ("nodes", "number of NUMA cells of the guest", .type = VL_INT, .rule = VL_FLAVOR_WINS,
       .flags = VL_PUBLIC, .min = 1, .max = MAX_CELLS, .flavor_key = "hw:numa_nodes",
       .image_key = "hw_numa_nodes", .invalid_code = "InvalidNUMANodesNumber"),
  ROW ("cpus", "CPUs of the guest in cell N", .type = VL_CPUSET, .rule = VL_FLAVOR_WINS,
       .flags = VL_INDEXED, .flavor_key = "hw:numa_cpus.N", .image_key = "hw_numa_cpus.N"),
  ROW ("mem", "memory of the guest in cell N", .type = VL_INT, .rule = VL_FLAVOR_WINS,
       .flags = VL_INDEXED, .min = 1, .max = INT32_MAX, .unit = "MiB",
       .flavor_key = "hw:numa_mem.N", .image_key = "hw_numa_mem.N"),
  ROW ("cell-cpus", "CPUs of the guest in each cell", .type = VL_CPUSET,
       .flags = VL_INDEXED | VL_PUBLIC),
  ROW ("cell-memory", "memory of each cell of the guest", .type = VL_LIST, .flags = VL_PUBLIC,
       .unit = "KiB"),
  ROW ("host-cells",
       "the host's cell that holds each cell of the guest; unset where the host names none",
       .type = VL_LIST, .flags = VL_PUBLIC),
  ROW ("huge-pages",
       "the huge pages that back each cell of the guest; 0: the host's smallest pages",
       .type = VL_LIST, .flags = VL_PUBLIC, .unit = "KiB"),
};

static const struct vl_write writes[] = { { .path = "cpu/numa" }, { .path = "numatune" } };

static const struct vl_name reads[] = {
  { .name = VL_GUEST_VCPUS },
  { .name = VL_GUEST_MEMORY },
  { .name = VL_GUEST_VIRT_TYPE },
  { .name = VL_HOST_MEMORY },
  { .name = "memory-pages.wanted", .flags = VL_OPTIONAL },
  { .name = "memory-pages.reserved", .flags = VL_OPTIONAL },
  { .name = "cpu-model.element", .flags = VL_OPTIONAL },
  { .name = "cpu-pinning.pinned", .flags = VL_OPTIONAL },
  { .name = "cpu-pinning.pool", .flags = VL_OPTIONAL },
  { .name = "cpu-pinning.shared", .flags = VL_OPTIONAL },
  { .name = "cpu-pinning.reserved", .flags = VL_OPTIONAL },
};

/* The row that asks for cells; NULL where another feature woke this one. */
static const char *
asked_by (struct vl_call *c)
{
  static const char *const rows[] = { "nodes", "memory-pages.wanted", "cpu-pinning.pinned" };

  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    if (vl_has (c, rows[i]))
      return rows[i];
  return NULL;
}

/* ---- the guest's cells ---- */

/* The CPUs ("0-3,6") and the KiB of each, as text. */
struct cells {
  size_t n;
  const char *cpus[MAX_CELLS], *memory[MAX_CELLS];
};

/* The CPUs of cell I: each is one of the guest's and not in ALL, the cells before. */
static int
take_cpus (struct vl_call *c, size_t i, struct vl_cpuset *all)
{
  int64_t vcpus = vl_int (c, VL_GUEST_VCPUS);
  struct vl_cpuset cpus;

  vl_item_cpus (c, "cpus", i, &cpus);
  for (int64_t cpu = vl_cpuset_next (&cpus, 0); cpu >= 0; cpu = vl_cpuset_next (&cpus, cpu + 1)) {
    if (cpu >= vcpus)
      return vl_refuse_as (c, VL_ERR_REQUEST, "ImageNUMATopologyCPUOutOfRange", "cpus", NULL,
                           "CPU %" PRId64
                           " of cell %zu is none of the guest's; accepted: 0 to %" PRId64,
                           cpu, i, vcpus - 1);
    if (vl_cpuset_has (all, cpu))
      return vl_refuse_as (c, VL_ERR_REQUEST, "ImageNUMATopologyCPUDuplicates", "cpus", NULL,
                           "CPU %" PRId64 " of cell %zu is in another cell already", cpu, i);
    vl_cpuset_add (all, cpu);
  }
  return 0;
}

/* The cells as the request describes them one by one. */
static int
described_cells (struct vl_call *c, struct cells *cells)
{
  int64_t memory = vl_int (c, VL_GUEST_MEMORY) / 1024, sum = 0;
  size_t n_cpus = vl_count (c, "cpus"), n_mem = vl_count (c, "mem");
  struct vl_cpuset all = { { 0 } };

  if (n_cpus != cells->n || n_mem != cells->n)
    return vl_refuse_as (
        c, VL_ERR_REQUEST, "ImageNUMATopologyIncomplete", n_cpus ? "cpus" : "mem", NULL,
        "CPUs are given for %zu and memory for %zu of the guest's %zu cells; accepted: both "
        "for each cell, or none",
        n_cpus, n_mem, cells->n);
  for (size_t i = 0; i < cells->n; i++) {
    if (take_cpus (c, i, &all) < 0)
      return -1;
    cells->cpus[i] = vl_item (c, "cpus", i);
    cells->memory[i] = vl_printf (c, "%" PRId64, vl_item_int (c, "mem", i) * 1024);
    sum += vl_item_int (c, "mem", i);
  }
  for (int64_t cpu = 0; cpu < vl_int (c, VL_GUEST_VCPUS); cpu++)
    if (! vl_cpuset_has (&all, cpu))
      return vl_refuse_as (c, VL_ERR_REQUEST, "ImageNUMATopologyCPUsUnassigned", "cpus", NULL,
                           "CPU %" PRId64 " of the guest is in no cell", cpu);
  if (sum != memory)
    return vl_refuse_as (c, VL_ERR_REQUEST, "ImageNUMATopologyMemoryOutOfRange", "mem", NULL,
                         "the cells have %" PRId64 " MiB in all, and the guest has %" PRId64 " MiB",
                         sum, memory);
  return 0;
}

/* Cells of the same size each. */
static int
equal_cells (struct vl_call *c, struct cells *cells)
{
  int64_t n = (int64_t)cells->n, vcpus = vl_int (c, VL_GUEST_VCPUS), each = vcpus / n;
  int64_t memory = vl_int (c, VL_GUEST_MEMORY);

  if (vcpus % n || memory / 1024 % n)
    return vl_refuse_as (
        c, VL_ERR_REQUEST, "ImageNUMATopologyAsymmetric", "nodes",
        "take another number, or describe each cell with hw:numa_cpus.N and hw:numa_mem.N",
        "%" PRId64 " CPUs and %" PRId64 " MiB cannot be shared out evenly over %" PRId64 " cells",
        vcpus, memory / 1024, n);
  for (int64_t i = 0; i < n; i++) {
    cells->memory[i] = vl_printf (c, "%" PRId64, memory / n);
    cells->cpus[i] = each == 1
                         ? vl_printf (c, "%" PRId64, i)
                         : vl_printf (c, "%" PRId64 "-%" PRId64, i * each, i * each + each - 1);
  }
  return 0;
}

/* The guest's cells, by Nova's rules. */
static int
cut (struct vl_call *c)
{
  static const char *const once[] = { "nodes", "cpus", "mem" };
  int described = asked_by (c) && (vl_has (c, "cpus") || vl_has (c, "mem"));
  struct cells cells = { .n = vl_has (c, "nodes") ? (size_t)vl_int (c, "nodes") : 1 };

  for (size_t i = 0; asked_by (c) && i < sizeof once / sizeof once[0]; i++)
    if (vl_layer_has (c, once[i], VL_LAYER_FLAVOR) && vl_layer_has (c, once[i], VL_LAYER_IMAGE))
      return vl_refuse_as (c, VL_ERR_REQUEST, "ImageNUMATopologyForbidden", once[i],
                           vl_printf (c, "take hw_numa_%s out of the image", once[i]),
                           "flavor and image both say it; accepted: one of them");
  if (vl_int (c, VL_GUEST_VCPUS) > VL_CPUSET_MAX)
    return vl_refuse (c, VL_ERR_UNSUPPORTED, NULL, NULL,
                      "a guest with NUMA cells has at most %d CPUs", VL_CPUSET_MAX);
  if ((described ? described_cells (c, &cells) : equal_cells (c, &cells)) < 0)
    return -1;
  return vl_put (c, "cell-cpus", vl_join (c, " ", cells.cpus, cells.n),
                 described ? "cpus" : VL_GUEST_VCPUS, described ? "as described" : "in order")
         | vl_put (c, "cell-memory", vl_join (c, ",", cells.memory, cells.n),
                   described ? "mem" : VL_GUEST_MEMORY, described ? "as described" : "equal parts");
}

/* ---- the host's cells ---- */

struct host_cell {
  const char *id;
  struct vl_cpuset cpus;
  int has_cpus;                  /* 0: the host does not say which */
  int64_t memory;                /* MiB, INT64_MAX: the host does not say */
  int64_t pages[MAX_PAGE_SIZES]; /* how many of each size guests may have */
  int64_t page[MAX_CELLS];       /* the KiB of a page that each cell of the guest would get
                                    here, 0: any will do, -1: it does not fit */
  int holds;                     /* which cell of the guest, -1: none */
};

struct host {
  size_t n, n_sizes;
  double ratio;                  /* how far a cell's memory is overcommitted */
  int64_t sizes[MAX_PAGE_SIZES]; /* KiB, largest first */
  struct host_cell cells[MAX_CELLS];
};

/* What is claimed of a cell: its memory in MiB, its pages of KIB. */
static const char *
resource (struct vl_call *c, const struct host_cell *cell, int64_t kib)
{
  return kib ? vl_printf (c, "PAGES:cell.%s:%" PRId64, cell->id, kib)
             : vl_printf (c, "MEMORY_MB:cell.%s", cell->id);
}

static int
read_sizes (struct vl_call *c, struct host *host)
{
  int64_t size = 0;
  size_t n = vl_fact_count (c, "host.page-sizes"), k;

  host->n_sizes = n < MAX_PAGE_SIZES ? n : MAX_PAGE_SIZES;
  for (size_t i = 0; i < host->n_sizes; i++) {
    if (vl_fact_item_int (c, "host.page-sizes", i, 1, &size) < 0)
      return -1;
    for (k = i; k > 0 && host->sizes[k - 1] < size; k--)
      host->sizes[k] = host->sizes[k - 1];
    host->sizes[k] = size;
  }
  return 0;
}

static int
read_cell (struct vl_call *c, const struct host *host, struct host_cell *cell)
{
  static const char reserved[] = "memory-pages.reserved";
  int64_t kib = -1;

  cell->has_cpus = vl_fact_cpus (c, vl_printf (c, "host.cell.%s.cpus", cell->id), &cell->cpus);
  if (cell->has_cpus < 0
      || vl_fact_int (c, vl_printf (c, "host.cell.%s.memory", cell->id), 0, &kib) < 0)
    return -1;
  cell->memory = kib < 0 ? INT64_MAX : kib / 1024;
  for (size_t k = 0; k < host->n_sizes; k++) {
    int64_t size = host->sizes[k], *n = &cell->pages[k];

    *n = k + 1 == host->n_sizes && kib > 0 ? kib / size : 0;
    if (vl_fact_int (c, vl_printf (c, "host.cell.%s.pages.%" PRId64, cell->id, size), 0, n) < 0)
      return -1;
    for (size_t i = 0; i + 2 < vl_count (c, reserved); i += 3)
      if (strcmp (vl_item (c, reserved, i), cell->id) == 0
          && vl_item_int (c, reserved, i + 1) == size)
        *n -= vl_item_int (c, reserved, i + 2);
  }
  return 0;
}

static int
read_host (struct vl_call *c, struct host *host)
{
  size_t n = vl_fact_count (c, "host.cells");
  double all = 0;

  host->n = n < MAX_CELLS ? n : MAX_CELLS;
  if (read_sizes (c, host) < 0)
    return -1;
  for (size_t h = 0; h < host->n; h++) {
    host->cells[h].id = vl_fact_item (c, "host.cells", h);
    host->cells[h].holds = -1;
    if (read_cell (c, host, &host->cells[h]) < 0)
      return -1;
    all += (double)host->cells[h].memory;
  }
  /* As far as the memory of the whole host is. */
  host->ratio = all > 0 ? (double)vl_int (c, VL_HOST_MEMORY) / all : 1;
  return 0;
}

static struct host_cell *
find_cell (struct host *host, const char *id)
{
  for (size_t h = 0; id && h < host->n; h++)
    if (strcmp (host->cells[h].id, id) == 0)
      return &host->cells[h];
  return NULL;
}

/* MiB that guests may have of CELL in all. */
static int64_t
room (const struct host *host, const struct host_cell *cell)
{
  return host->ratio > 1 ? (int64_t)((double)cell->memory * host->ratio) : cell->memory;
}

/* How list "huge-pages" names a page of SIZE KiB. */
static const char *
page_text (struct vl_call *c, const struct host *host, int64_t size)
{
  return vl_printf (c, "%" PRId64, size == host->sizes[host->n_sizes - 1] ? 0 : size);
}

/* ---- which holds which ---- */

/* Item I of list PROP as it was when this server was recorded, or NULL. */
static const char *
was_item (struct vl_call *c, const char *prop, size_t i)
{
  const char *text = vl_was (c, prop);

  for (; text && i > 0; i--) {
    text = strchr (text, ',');
    text = text ? text + 1 : NULL;
  }
  return text ? vl_printf (c, "%.*s", (int)strcspn (text, ","), text) : NULL;
}

/* The pages for cell I of the guest in CELL of the host: what it has already, else the
 * largest that are asked for and that enough are left of. */
static int64_t
page_in (struct vl_call *c, const struct host *host, const struct host_cell *cell, size_t i)
{
  const char *wanted = vl_str (c, "memory-pages.wanted"), *was = was_item (c, "huge-pages", i);
  int64_t memory = vl_item_int (c, "cell-memory", i), best = -1;
  size_t first = 0, end = host->n_sizes;

  if (wanted == NULL)
    return 0;
  if (strcmp (wanted, "small") == 0)
    first = end - 1;
  else if (strcmp (wanted, "large") == 0)
    end--;
  for (size_t k = first; k < end; k++) {
    int64_t size = host->sizes[k];

    if (wanted[0] >= '0' && wanted[0] <= '9' && strcmp (wanted, vl_printf (c, "%" PRId64, size)))
      continue;
    if (memory % size == 0
        && memory / size <= cell->pages[k] - vl_taken (c, resource (c, cell, size))
        && (best < 0 || (was && strcmp (was, page_text (c, host, size)) == 0)))
      best = size;
  }
  return best;
}

/* Finds out where cell I of the guest fits: where there are enough dedicated and
 * shared CPUs, memory and pages.  A guest never overcommits a cell against itself. */
static void
try_cells (struct vl_call *c, struct host *host, size_t i)
{
  int64_t memory = vl_item_int (c, "cell-memory", i) / 1024;
  struct vl_cpuset cpus, pinned, pool, shared;
  int n, own;

  vl_item_cpus (c, "cell-cpus", i, &cpus);
  vl_cpus (c, "cpu-pinning.pinned", &pinned);
  vl_cpus (c, "cpu-pinning.pool", &pool);
  vl_cpus (c, "cpu-pinning.shared", &shared);
  n = vl_cpuset_count (&cpus);
  own = vl_cpuset_common (&pinned, &cpus);
  for (size_t h = 0; h < host->n; h++) {
    struct host_cell *cell = &host->cells[h];
    int64_t left = room (host, cell) - vl_taken (c, resource (c, cell, 0));
    int need = own + (i == 0 ? (int)vl_int (c, "cpu-pinning.reserved") : 0);
    int fits = memory <= cell->memory && memory <= left;

    fits &= need == 0 || vl_cpuset_common (&pool, &cell->cpus) >= need;
    fits &= ! cell->has_cpus
            || (vl_cpuset_count (&cell->cpus) >= n
                && (! vl_has (c, "cpu-pinning.shared")
                    || vl_cpuset_common (&shared, &cell->cpus) >= n - own));
    cell->page[i] = fits ? page_in (c, host, cell, i) : -1;
  }
}

/* Finds a host cell for guest cell I, moving cells that have one already if that
 * makes room: bipartite matching, lowest host cell first. */
static int
seat (struct host *host, size_t i, char *tried)
{
  for (size_t h = 0; h < host->n; h++)
    if (host->cells[h].holds < 0 && host->cells[h].page[i] >= 0) {
      host->cells[h].holds = (int)i;
      return 1;
    }
  for (size_t h = 0; h < host->n; h++) {
    if (tried[h] || host->cells[h].page[i] < 0)
      continue;
    tried[h] = 1;
    if (seat (host, (size_t)host->cells[h].holds, tried)) {
      host->cells[h].holds = (int)i;
      return 1;
    }
  }
  return 0;
}

/* Gives each cell of the guest a cell of the host; what a server has already it keeps
 * where it still fits.  Answers with the number of cells that have one. */
static size_t
place (struct vl_call *c, struct host *host)
{
  size_t n = vl_count (c, "cell-memory");
  char seated[MAX_CELLS] = { 0 };

  for (size_t i = 0; i < n; i++) {
    struct host_cell *was = find_cell (host, was_item (c, "host-cells", i));

    try_cells (c, host, i);
    if (was && was->holds < 0 && was->page[i] >= 0) {
      was->holds = (int)i;
      seated[i] = 1;
    }
  }
  for (size_t i = 0; i < n; i++) {
    char tried[MAX_CELLS] = { 0 };

    if (! seated[i] && ! seat (host, i, tried))
      return i;
  }
  return n;
}

static int
refuse_place (struct vl_call *c, size_t i)
{
  const char *wanted = vl_str (c, "memory-pages.wanted");
  struct vl_cpuset cpus;

  vl_item_cpus (c, "cell-cpus", i, &cpus);
  return vl_refuse_as (
      c, VL_ERR_UNSUPPORTED, "ComputeResourcesUnavailable",
      wanted ? "memory-pages.wanted" : asked_by (c),
      "'virtloom host show' lists what each cell has: host.cell.N.cpus, .memory and .pages.KIB",
      "the host's NUMA cells (%zu) cannot hold the guest's (%zu): none is left for cell %zu "
      "(%d vCPU, %" PRId64 " MiB%s)",
      vl_fact_count (c, "host.cells"), vl_count (c, "cell-memory"), i, vl_cpuset_count (&cpus),
      vl_item_int (c, "cell-memory", i) / 1024,
      wanted ? vl_printf (c, ", pages '%s'", wanted) : "");
}

/* Works out the cells of the guest and which of the host's hold them. */
static int
lay_out (struct vl_call *c)
{
  const char *ids[MAX_CELLS], *huge[MAX_CELLS];
  struct host host;
  size_t n, placed;

  if (cut (c) < 0 || read_host (c, &host) < 0)
    return -1;
  if (vl_has (c, "memory-pages.wanted") && (host.n == 0 || host.n_sizes == 0))
    return vl_unsaid (c, "memory-pages.wanted", host.n ? "host.page-sizes" : "host.cells");
  n = vl_count (c, "cell-memory");
  if (host.n == 0 || n == 0)
    return 0;
  placed = place (c, &host);
  if (placed < n)
    return refuse_place (c, placed);
  for (size_t h = 0; h < host.n; h++) {
    int i = host.cells[h].holds;

    if (i < 0)
      continue;
    ids[i] = host.cells[h].id;
    huge[i] = host.cells[h].page[i] ? page_text (c, &host, host.cells[h].page[i]) : "0";
  }
  return vl_put (c, "host-cells", vl_join (c, ",", ids, n), asked_by (c),
                 "the first cells of the host that fit")
         | vl_put (c, "huge-pages", vl_join (c, ",", huge, n), "memory-pages.wanted",
                   "the largest pages that fit in these cells");
}

/* ---- phases ---- */

static int
resolve (struct vl_call *c)
{
  if (asked_by (c))
    return lay_out (c);
  if (vl_has (c, "cpus") || vl_has (c, "mem"))
    vl_advise (c, vl_has (c, "cpus") ? "cpus" : "mem", "add hw:numa_nodes to the flavor",
               "the cells are described, and nothing asks for cells");
  return 0;
}

static int
active (struct vl_call *c)
{
  return vl_has (c, "nodes") || vl_has (c, "cpu-pinning.pinned");
}

static int
validate (struct vl_call *c)
{
  if (vl_is (c, VL_GUEST_VIRT_TYPE, "lxc")
      || (vl_has (c, "cpu-model.element") && ! vl_bool (c, "cpu-model.element")))
    return vl_refuse (c, VL_ERR_UNSUPPORTED, asked_by (c), NULL,
                      "this guest has no CPU of its own, so it cannot have NUMA cells");
  return 0;
}

/* Memory, and pages of a size that was asked for, are counted per cell of the host. */
static int
claim (struct vl_call *c)
{
  const char *wanted = vl_has (c, "memory-pages.wanted") ? "memory-pages.wanted" : NULL;
  struct host host;
  int result;

  /* Where another feature wakes this one the guest itself asks for no cells. */
  if (asked_by (c) == NULL && lay_out (c) < 0)
    return -1;
  result = read_host (c, &host);
  for (size_t i = 0; result == 0 && i < vl_count (c, "host-cells"); i++) {
    const struct host_cell *cell = find_cell (&host, vl_item (c, "host-cells", i));
    int64_t memory = vl_item_int (c, "cell-memory", i);

    if (cell->memory < INT64_MAX)
      result |=
          vl_claim (c, resource (c, cell, 0), memory / 1024, room (&host, cell), asked_by (c));
    for (size_t k = 0; wanted && k < host.n_sizes; k++)
      if (strcmp (page_text (c, &host, host.sizes[k]), vl_item (c, "huge-pages", i)) == 0)
        result |= vl_claim (c, resource (c, cell, host.sizes[k]), memory / host.sizes[k],
                            cell->pages[k], wanted);
  }
  return result;
}

static int
contribute (struct vl_call *c)
{
  const char *cpus = vl_has (c, "cpus") ? "cpus" : VL_GUEST_VCPUS;
  size_t n = vl_count (c, "cell-memory");
  struct vl_cpuset set = { { 0 } };
  struct vl_node *node;
  int huge = 0;

  for (size_t i = 0; i < vl_count (c, "host-cells"); i++) {
    vl_cpuset_add (&set, vl_item_int (c, "host-cells", i));
    huge |= vl_item_int (c, "huge-pages", i) > 0;
  }
  for (size_t i = 0; i < n; i++) {
    node = vl_keyed (c, "cpu/numa/cell", asked_by (c), "id", vl_printf (c, "%zu", i), NULL);
    vl_set_why (node, "cpus", vl_item (c, "cell-cpus", i), cpus);
    vl_set_why (node, "memory", vl_item (c, "cell-memory", i), "cell-memory");
    if (huge)
      vl_set_why (node, "memAccess", "shared", "huge-pages");
  }
  if (! vl_has (c, "host-cells"))
    return 0;
  node = vl_ensure (c, "numatune/memory", "host-cells");
  vl_set (node, "mode", "strict");
  vl_set (node, "nodeset", vl_cpuset_text (c, &set));
  for (size_t i = 0; i < n; i++) {
    node = vl_keyed (c, "numatune/memnode", "host-cells", "cellid", vl_printf (c, "%zu", i), NULL);
    vl_set (node, "mode", "strict");
    vl_set (node, "nodeset", vl_item (c, "host-cells", i));
  }
  return 0;
}

VL_FEATURE (numa, "numa", .version = VL_VERSION,
            .summary = "NUMA cells of the guest and the host's cells that hold them",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .reads = VL_TABLE (reads),
            .resolve = resolve, .active = active, .validate = validate, .claim = claim,
            .contribute = contribute);
