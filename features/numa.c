/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * numa: the guest's NUMA cells, and the host's cells that hold them.  One cell
 * unless the request says otherwise; whoever needs a cell wakes this feature.
 * Owns cpu/numa and numatune. */

#include <config.h>

#include <virtloom/feature.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What Nova reads of hw:numa_cpus.N, and more CPUs than QEMU can have. */
#define MAX_CELLS 128
#define MAX_CPUS 4096
#define MAX_PAGE_SIZES 8

static const struct vl_prop props[] = {
  { .name = "nodes",
    .type = VL_INT,
    .rule = VL_FLAVOR_WINS,
    .min = 1,
    .max = MAX_CELLS,
    .flavor_key = "hw:numa_nodes",
    .image_key = "hw_numa_nodes",
    .invalid_code = "InvalidNUMANodesNumber",
    .help = "number of NUMA cells of the guest",
    .since = "0.1.0" },
  { .name = "cpus",
    .type = VL_CPUSET,
    .rule = VL_FLAVOR_WINS,
    .flags = VL_INDEXED,
    .flavor_key = "hw:numa_cpus.N",
    .image_key = "hw_numa_cpus.N",
    .help = "CPUs of the guest in cell N",
    .since = "0.1.0" },
  { .name = "mem",
    .type = VL_INT,
    .rule = VL_FLAVOR_WINS,
    .flags = VL_INDEXED,
    .min = 1,
    .max = INT32_MAX,
    .unit = "MiB",
    .flavor_key = "hw:numa_mem.N",
    .image_key = "hw_numa_mem.N",
    .help = "memory of the guest in cell N",
    .since = "0.1.0" },
  { .name = "cell-memory",
    .type = VL_LIST,
    .unit = "KiB",
    .help = "memory of each cell of the guest",
    .since = "0.1.0" },
  { .name = "host-cells",
    .type = VL_LIST,
    .help = "the host's cell that holds each cell of the guest; unset where the host names none",
    .since = "0.1.0" },
  { .name = "huge-pages",
    .type = VL_LIST,
    .unit = "KiB",
    .help = "the huge pages that back each cell of the guest; 0: the host's smallest pages",
    .since = "0.1.0" },
  { .name = "vcpu-cells",
    .type = VL_LIST,
    .help = "the cell of each of the guest's CPUs",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { "cpu/numa", NULL }, { "numatune", NULL } };

static const struct vl_name reads[] = {
  { VL_GUEST_VCPUS },        { VL_GUEST_MEMORY },      { VL_GUEST_VIRT_TYPE },
  { "memory-pages.wanted" }, { "cpu-model.element" },  { "cpu-pinning.pinned" },
  { "cpu-pinning.pool" },    { "cpu-pinning.shared" }, { "cpu-pinning.reserved" },
};

/* The guest's cells. */
struct cells {
  size_t n;
  const char *cpus[MAX_CELLS]; /* "0-3,6" */
  int64_t n_cpus[MAX_CELLS];
  int64_t memory[MAX_CELLS]; /* KiB */
};

/* The host's cells and page sizes, and which guest cell each host cell holds. */
struct places {
  size_t n, n_sizes;
  int64_t sizes[MAX_PAGE_SIZES];      /* KiB, largest first */
  int64_t page[MAX_CELLS][MAX_CELLS]; /* guest, host: KiB, 0: no page asked for, -1: does not fit */
  int holds[MAX_CELLS];               /* by host cell, -1: none */
};

/* Records a finding where SAY; -1 in any case. */
#define REFUSE(call, say, ...) ((say) ? vl_error ((call), __VA_ARGS__) : -1)

/* The next "A" or "A-B" of a CPU set in canonical form; NULL at its end. */
static const char *
next_range (const char *text, int64_t *low, int64_t *high)
{
  char *end;

  if (*text == '\0')
    return NULL;
  *low = *high = strtoll (text, &end, 10);
  if (*end == '-')
    *high = strtoll (end + 1, &end, 10);
  return *end == ',' ? end + 1 : end;
}

static int64_t
count_cpus (const char *text)
{
  int64_t low, high, n = 0;

  while ((text = next_range (text, &low, &high)) != NULL)
    n += high - low + 1;
  return n;
}

/* How many CPUs are in A and in B; 0 where one of them is NULL. */
static int64_t
count_common (const char *a, const char *b)
{
  int64_t low, high, from, to, n = 0;

  while (a && b && (a = next_range (a, &low, &high)) != NULL)
    for (const char *rest = b; (rest = next_range (rest, &from, &to)) != NULL;)
      if (from <= high && to >= low)
        n += (to < high ? to : high) - (from > low ? from : low) + 1;
  return n;
}

/* Notes in TAKEN the CPUs of cell I; each is one of the guest's and in no other
 * cell. */
static int
take_cpus (struct vl_call *call, const char *text, size_t i, int64_t vcpus, char *taken, int say)
{
  int64_t low, high;

  while ((text = next_range (text, &low, &high)) != NULL)
    for (int64_t cpu = low; cpu <= high; cpu++) {
      if (cpu >= vcpus)
        return REFUSE (call, say, VL_ERR_REQUEST, "ImageNUMATopologyCPUOutOfRange", "cpus",
                       "CPU %" PRId64
                       " of cell %zu is none of the guest's; accepted: 0 to %" PRId64,
                       cpu, i, vcpus - 1);
      if (taken[cpu])
        return REFUSE (call, say, VL_ERR_REQUEST, "ImageNUMATopologyCPUDuplicates", "cpus",
                       "CPU %" PRId64 " of cell %zu is in another cell already", cpu, i);
      taken[cpu] = 1;
    }
  return 0;
}

/* The cells as the request describes them one by one. */
static int
described_cells (struct vl_call *call, const struct vl_guest *guest, struct cells *cells, int say)
{
  int64_t vcpus = vl_guest_int (guest, VL_GUEST_VCPUS), sum = 0;
  int64_t memory = vl_guest_int (guest, VL_GUEST_MEMORY) / 1024;
  char taken[MAX_CPUS] = { 0 };

  if (vl_guest_count (guest, "cpus") != cells->n || vl_guest_count (guest, "mem") != cells->n)
    return REFUSE (
        call, say, VL_ERR_REQUEST, "ImageNUMATopologyIncomplete",
        vl_guest_has (guest, "cpus") ? "cpus" : "mem",
        "CPUs are given for %zu and memory for %zu of the guest's %zu cells; accepted: both "
        "for each cell, or none",
        vl_guest_count (guest, "cpus"), vl_guest_count (guest, "mem"), cells->n);
  for (size_t i = 0; i < cells->n; i++) {
    cells->cpus[i] = vl_guest_item (guest, "cpus", i);
    cells->n_cpus[i] = count_cpus (cells->cpus[i]);
    cells->memory[i] = strtoll (vl_guest_item (guest, "mem", i), NULL, 10) * 1024;
    sum += cells->memory[i] / 1024;
    if (take_cpus (call, cells->cpus[i], i, vcpus, taken, say) < 0)
      return -1;
  }
  for (int64_t cpu = 0; cpu < vcpus; cpu++)
    if (! taken[cpu])
      return REFUSE (call, say, VL_ERR_REQUEST, "ImageNUMATopologyCPUsUnassigned", "cpus",
                     "CPU %" PRId64 " of the guest is in no cell", cpu);
  if (sum != memory)
    return REFUSE (call, say, VL_ERR_REQUEST, "ImageNUMATopologyMemoryOutOfRange", "mem",
                   "the cells have %" PRId64 " MiB in all, and the guest has %" PRId64 " MiB", sum,
                   memory);
  return 0;
}

/* Cells of the same size each. */
static int
equal_cells (struct vl_call *call, const struct vl_guest *guest, struct cells *cells, int say)
{
  int64_t n = (int64_t)cells->n, vcpus = vl_guest_int (guest, VL_GUEST_VCPUS);
  int64_t memory = vl_guest_int (guest, VL_GUEST_MEMORY), each = vcpus / n;

  if (vcpus % n || memory / 1024 % n) {
    if (say) {
      vl_error (call, VL_ERR_REQUEST, "ImageNUMATopologyAsymmetric", "nodes",
                "%" PRId64 " CPUs and %" PRId64 " MiB cannot be shared out evenly over %" PRId64
                " cells",
                vcpus, memory / 1024, n);
      vl_hint (call,
               "take another number, or describe each cell with hw:numa_cpus.N and hw:numa_mem.N");
    }
    return -1;
  }
  for (int64_t i = 0; i < n; i++) {
    cells->n_cpus[i] = each;
    cells->memory[i] = memory / n;
    cells->cpus[i] = each == 1
                         ? vl_printf (call, "%" PRId64, i)
                         : vl_printf (call, "%" PRId64 "-%" PRId64, i * each, i * each + each - 1);
  }
  return 0;
}

/* The guest's cells, by Nova's rules. */
static int
make_cells (struct vl_call *call, const struct vl_guest *guest, struct cells *cells, int say)
{
  static const char *const once[] = { "nodes", "cpus", "mem" };

  for (size_t i = 0; i < sizeof once / sizeof once[0]; i++)
    if (vl_guest_layer_has (guest, once[i], VL_LAYER_FLAVOR)
        && vl_guest_layer_has (guest, once[i], VL_LAYER_IMAGE)) {
      if (say) {
        vl_error (call, VL_ERR_REQUEST, "ImageNUMATopologyForbidden", once[i],
                  "flavor and image both say it; accepted: one of them");
        vl_hint (call, "take hw_numa_%s out of the image", once[i]);
      }
      return -1;
    }
  if (vl_guest_int (guest, VL_GUEST_VCPUS) > MAX_CPUS)
    return REFUSE (call, say, VL_ERR_UNSUPPORTED, NULL, NULL,
                   "a guest with NUMA cells has at most %d CPUs", MAX_CPUS);
  cells->n = vl_guest_has (guest, "nodes") ? (size_t)vl_guest_int (guest, "nodes") : 1;
  if (vl_guest_has (guest, "cpus") || vl_guest_has (guest, "mem"))
    return described_cells (call, guest, cells, say);
  return equal_cells (call, guest, cells, say);
}

/* The pages of SIZE KiB that host cell ID has, -1 where the host does not say. */
static int64_t
pages_of (struct vl_call *call, const struct vl_host *host, const char *id, int64_t size)
{
  return vl_host_int (host, vl_printf (call, "host.cell.%s.pages.%" PRId64, id, size), -1);
}

/* The pages for CELL of the guest in host cell ID: the largest that WANTED allows
 * and that there are enough of; 0 where none is asked for, -1 where it does not
 * fit.  A guest never overcommits a cell against itself. */
static int64_t
page_in (struct vl_call *call, const struct vl_host *host, const struct cells *cells, size_t cell,
         const struct places *places, const char *id, const char *wanted)
{
  const char *cpus = vl_host_str (host, vl_printf (call, "host.cell.%s.cpus", id));
  int64_t memory = vl_host_int (host, vl_printf (call, "host.cell.%s.memory", id), -1);
  size_t first = 0, end = places->n_sizes;

  if ((memory >= 0 && cells->memory[cell] > memory)
      || (cpus && cells->n_cpus[cell] > count_cpus (cpus)))
    return -1;
  if (wanted == NULL)
    return 0;
  if (strcmp (wanted, "small") == 0)
    first = end - 1;
  else if (strcmp (wanted, "large") == 0)
    end--;
  for (size_t i = first; i < end; i++) {
    int64_t size = places->sizes[i], n = pages_of (call, host, id, size);

    if (n < 0 && i + 1 == places->n_sizes)
      n = memory / size;
    if (wanted[0] >= '0' && wanted[0] <= '9' && strtoll (wanted, NULL, 10) != size)
      continue;
    if (cells->memory[cell] % size == 0 && cells->memory[cell] / size <= n)
      return size;
  }
  return -1;
}

/* Has host cell ID the dedicated and the shared CPUs that CELL of the guest needs? */
static int
cpus_in (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host,
         const struct cells *cells, size_t cell, const char *id)
{
  const char *cpus = vl_host_str (host, vl_printf (call, "host.cell.%s.cpus", id));
  const char *shared = vl_guest_str (guest, "cpu-pinning.shared");
  int64_t pins = count_common (vl_guest_str (guest, "cpu-pinning.pinned"), cells->cpus[cell]);
  int64_t own = pins + (cell == 0 ? vl_guest_int (guest, "cpu-pinning.reserved") : 0);

  if (own && count_common (vl_guest_str (guest, "cpu-pinning.pool"), cpus) < own)
    return 0;
  return shared == NULL || cpus == NULL
         || count_common (shared, cpus) >= cells->n_cpus[cell] - pins;
}

static void
read_sizes (const struct vl_host *host, struct places *places)
{
  size_t k;

  places->n_sizes = 0;
  for (size_t i = 0; i < vl_host_count (host, "host.page-sizes") && i < MAX_PAGE_SIZES; i++) {
    int64_t size = strtoll (vl_host_item (host, "host.page-sizes", i), NULL, 10);

    for (k = places->n_sizes; k > 0 && places->sizes[k - 1] < size; k--)
      places->sizes[k] = places->sizes[k - 1];
    places->sizes[k] = size;
    places->n_sizes++;
  }
}

/* Finds a host cell for guest cell I, moving cells that have one already if that
 * makes room: bipartite matching, lowest host cell first. */
static int
place (struct places *places, size_t i, char *tried)
{
  for (size_t h = 0; h < places->n; h++)
    if (places->holds[h] < 0 && places->page[i][h] >= 0) {
      places->holds[h] = (int)i;
      return 1;
    }
  for (size_t h = 0; h < places->n; h++) {
    if (tried[h] || places->page[i][h] < 0)
      continue;
    tried[h] = 1;
    if (place (places, (size_t)places->holds[h], tried)) {
      places->holds[h] = (int)i;
      return 1;
    }
  }
  return 0;
}

static int
refuse_place (struct vl_call *call, const struct vl_guest *guest, const struct cells *cells,
              size_t i, size_t n_host, const char *wanted, int say)
{
  if (say) {
    vl_error (
        call, VL_ERR_UNSUPPORTED, "ComputeResourcesUnavailable",
        wanted                                       ? "memory-pages.wanted"
        : vl_guest_has (guest, "cpu-pinning.pinned") ? "cpu-pinning.pinned"
                                                     : "nodes",
        "the host's NUMA cells (%zu) cannot hold the guest's (%zu): none is left for cell %zu "
        "(%" PRId64 " vCPU, %" PRId64 " MiB%s%s%s)",
        n_host, cells->n, i, cells->n_cpus[i], cells->memory[i] / 1024, wanted ? ", pages '" : "",
        wanted ? wanted : "", wanted ? "'" : "");
    vl_hint (
        call,
        "'virtloom host show' lists what each cell has: host.cell.N.cpus, .memory and .pages.KIB");
  }
  return -1;
}

/* Gives each cell of the guest a cell of the host.  0 with no host cell given
 * where the host names none and no page size is asked for. */
static int
place_cells (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host,
             const struct cells *cells, struct places *places, int say)
{
  const char *wanted = vl_guest_str (guest, "memory-pages.wanted");
  char tried[MAX_CELLS];

  places->n = vl_host_count (host, "host.cells");
  if (places->n > MAX_CELLS)
    places->n = MAX_CELLS;
  read_sizes (host, places);
  if (wanted && (places->n == 0 || places->n_sizes == 0))
    return say ? vl_host_unknown (call, "memory-pages.wanted",
                                  places->n ? "host.page-sizes" : "host.cells")
               : -1;
  for (size_t h = 0; h < places->n; h++) {
    places->holds[h] = -1;
    for (size_t i = 0; i < cells->n; i++) {
      const char *id = vl_host_item (host, "host.cells", h);

      places->page[i][h] = cpus_in (call, guest, host, cells, i, id)
                               ? page_in (call, host, cells, i, places, id, wanted)
                               : -1;
    }
  }
  for (size_t i = 0; places->n > 0 && i < cells->n; i++) {
    memset (tried, 0, sizeof tried);
    if (! place (places, i, tried))
      return refuse_place (call, guest, cells, i, places->n, wanted, say);
  }
  return 0;
}

/* "0,0,1,1": the cell of each of the guest's CPUs. */
static const char *
cells_of_cpus (struct vl_call *call, const struct cells *cells, int64_t vcpus)
{
  char text[MAX_CPUS * 4 + 1] = "";
  int64_t low, high;
  size_t of[MAX_CPUS] = { 0 }, used = 0;

  for (size_t i = 0; i < cells->n; i++)
    for (const char *rest = cells->cpus[i]; (rest = next_range (rest, &low, &high)) != NULL;)
      for (int64_t cpu = low; cpu <= high; cpu++)
        of[cpu] = i;
  for (int64_t cpu = 0; cpu < vcpus; cpu++)
    used += (size_t)snprintf (text + used, sizeof text - used, "%s%zu", cpu ? "," : "", of[cpu]);
  return vl_printf (call, "%s", text);
}

/* Sets the lists that others read. */
static int
publish (struct vl_call *call, struct vl_guest *guest, const struct vl_host *host,
         const struct cells *cells, const struct places *places)
{
  const char *memory = "", *ids = "", *huge = "";
  const char *why = vl_guest_has (guest, "nodes")                ? "nodes"
                    : vl_guest_has (guest, "cpu-pinning.pinned") ? "cpu-pinning.pinned"
                                                                 : "memory-pages.wanted";
  int result = vl_guest_set (call, guest, "vcpu-cells",
                             cells_of_cpus (call, cells, vl_guest_int (guest, VL_GUEST_VCPUS)),
                             vl_guest_has (guest, "cpus") ? "cpus" : VL_GUEST_VCPUS,
                             vl_guest_has (guest, "cpus") ? "as described" : "in order");

  for (size_t i = 0; i < cells->n; i++) {
    const char *comma = i ? "," : "";

    memory = vl_printf (call, "%s%s%" PRId64, memory, comma, cells->memory[i]);
    for (size_t h = 0; h < places->n; h++)
      if (places->holds[h] == (int)i) {
        int64_t page = places->page[i][h];
        int small = page == 0 || page == places->sizes[places->n_sizes - 1];

        ids = vl_printf (call, "%s%s%s", ids, comma, vl_host_item (host, "host.cells", h));
        huge = vl_printf (call, "%s%s%" PRId64, huge, comma, small ? 0 : page);
      }
  }
  result |= vl_guest_has (guest, "mem")
                ? vl_guest_set (call, guest, "cell-memory", memory, "mem", "as described")
                : vl_guest_set (call, guest, "cell-memory", memory, VL_GUEST_MEMORY, "equal parts");
  if (ids[0] == '\0')
    return result;
  return result
         | vl_guest_set (call, guest, "host-cells", ids, why,
                         "the first cells of the host that fit")
         | vl_guest_set (call, guest, "huge-pages", huge, "memory-pages.wanted",
                         "the largest pages that fit in these cells");
}

/* Is a topology asked for, by its own keys, a page size or dedicated CPUs? */
static int
triggered (const struct vl_guest *guest)
{
  return vl_guest_has (guest, "nodes") || vl_guest_has (guest, "memory-pages.wanted")
         || vl_guest_has (guest, "cpu-pinning.pinned");
}

/* Untriggered, the cells are worked out in silence for whoever wakes this. */
static int
resolve (struct vl_call *call, struct vl_guest *guest, const struct vl_host *host)
{
  struct cells cells;
  struct places places;
  int say = triggered (guest);

  if (! say && (vl_guest_has (guest, "cpus") || vl_guest_has (guest, "mem"))) {
    vl_advice (call, NULL, vl_guest_has (guest, "cpus") ? "cpus" : "mem",
               "the cells are described, and nothing asks for cells");
    vl_hint (call, "add hw:numa_nodes to the flavor");
  }
  if (make_cells (call, guest, &cells, say) < 0
      || place_cells (call, guest, host, &cells, &places, say) < 0)
    return say ? -1 : 0;
  return publish (call, guest, host, &cells, &places);
}

static int
active (const struct vl_guest *guest)
{
  return vl_guest_has (guest, "nodes") || vl_guest_has (guest, "cpu-pinning.pinned");
}

static int
validate (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  struct cells cells;
  struct places places;

  if (vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "lxc")
      || (vl_guest_has (guest, "cpu-model.element")
          && ! vl_guest_bool (guest, "cpu-model.element")))
    return vl_error (call, VL_ERR_UNSUPPORTED, NULL,
                     vl_guest_has (guest, "nodes")                ? "nodes"
                     : vl_guest_has (guest, "cpu-pinning.pinned") ? "cpu-pinning.pinned"
                                                                  : "memory-pages.wanted",
                     "this guest has no CPU of its own, so it cannot have NUMA cells");
  if (make_cells (call, guest, &cells, 1) < 0)
    return -1;
  return place_cells (call, guest, host, &cells, &places, 1);
}

/* "0-1,4" of the host's cells. */
static const char *
node_set (struct vl_call *call, const struct vl_guest *guest)
{
  char in[MAX_CPUS] = { 0 };
  const char *text = "";

  for (size_t i = 0; i < vl_guest_count (guest, "host-cells"); i++) {
    int64_t id = strtoll (vl_guest_item (guest, "host-cells", i), NULL, 10);

    if (id >= 0 && id < MAX_CPUS)
      in[id] = 1;
  }
  for (int low = 0, high; low < MAX_CPUS; low = high + 1) {
    for (high = low; high < MAX_CPUS && in[high]; high++)
      ;
    if (high > low + 1)
      text = vl_printf (call, "%s%s%d-%d", text, text[0] ? "," : "", low, high - 1);
    else if (high > low)
      text = vl_printf (call, "%s%s%d", text, text[0] ? "," : "", low);
  }
  return text;
}

static int
has_huge_pages (const struct vl_guest *guest)
{
  for (size_t i = 0; i < vl_guest_count (guest, "huge-pages"); i++)
    if (strcmp (vl_guest_item (guest, "huge-pages", i), "0"))
      return 1;
  return 0;
}

static int
contribute (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  const char *why = vl_guest_has (guest, "nodes")                 ? "nodes"
                    : vl_guest_has (guest, "memory-pages.wanted") ? "memory-pages.wanted"
                    : vl_guest_has (guest, "cpu-pinning.pinned")  ? "cpu-pinning.pinned"
                                                                  : NULL;
  const char *cpus = vl_guest_has (guest, "cpus") ? "cpus" : VL_GUEST_VCPUS;
  struct cells cells;
  struct vl_node *node;

  (void)host;
  if (make_cells (call, guest, &cells, 0) < 0)
    return -1;
  for (size_t i = 0; i < cells.n; i++) {
    node = vl_ensure_keyed (call, NULL, "cpu/numa/cell", vl_printf (call, "id=%zu", i), 0, why);
    vl_set (call, node, "cpus", cells.cpus[i], cpus);
    vl_set (call, node, "memory", vl_guest_item (guest, "cell-memory", i), "cell-memory");
    if (has_huge_pages (guest))
      vl_set (call, node, "memAccess", "shared", "huge-pages");
  }
  if (vl_guest_count (guest, "host-cells") == 0)
    return 0;
  node = vl_ensure (call, NULL, "numatune/memory", 0, "host-cells");
  vl_set (call, node, "mode", "strict", "host-cells");
  vl_set (call, node, "nodeset", node_set (call, guest), "host-cells");
  for (size_t i = 0; i < cells.n; i++) {
    node = vl_ensure_keyed (call, NULL, "numatune/memnode", vl_printf (call, "cellid=%zu", i), 0,
                            "host-cells");
    vl_set (call, node, "mode", "strict", "host-cells");
    vl_set (call, node, "nodeset", vl_guest_item (guest, "host-cells", i), "host-cells");
  }
  return 0;
}

VL_FEATURE (numa, "numa", .version = VL_VERSION,
            .summary = "NUMA cells of the guest and the host's cells that hold them",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .reads = VL_TABLE (reads),
            .resolve = resolve, .active = active, .validate = validate, .contribute = contribute);
