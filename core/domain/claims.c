/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the guest takes of the host, and what is left by other servers.  A plan and
 * the making of a server judge alike: the latter builds again while nobody else can
 * record one, with what is held then. */

#include <config.h>

#include "domain/doc.h"
#include "lib/text.h"
#include "request/recorded.h"

#include <inttypes.h>

#define MEND "delete a server that holds some, or use another host"

/* Who claims. */
static const char *
claimant (const struct vl_call *call)
{
  return call->plugin ? call->plugin->name : "core";
}

/* May FUNCTION be called now, of resource, pool, holder or member NAME?  1, or 0 after
 * a PluginFault. */
static int
may_claim (struct vl_call *call, const char *function, const char *name)
{
  const char *problem = name && *name ? vl_name_problem (name, strlen (name)) : "is empty";

  if (problem)
    vl_fault (call, "%s of '%s': a name that %s", function,
              name ? vl_shown (call->arena, name) : "NULL", problem);
  else if (call->build == NULL || call->phase != VL_PHASE_CLAIM)
    vl_fault (call, "%s is called in phase '%s'; claims are stated in claim", function,
              vl_phase_name (call->phase));
  else
    return 1;
  return 0;
}

static struct vl_claim_info *
add_claim (struct vl_call *call, const char *resource, const char *why)
{
  struct vl_build *build = call->build;
  struct vl_claim_info *claim;

  VL_GROW (build->claims, build->n_claims, build->claims_size);
  claim = &build->claims[build->n_claims++];
  *claim = (struct vl_claim_info) { .resource = vl_arena_strdup (call->arena, resource),
                                    .plugin = claimant (call),
                                    .used = -1,
                                    .why = why ? vl_full_name (call, why) : NULL };
  return claim;
}

/* ---- what is held ---- */

static int
by_resource (const void *key, const void *held)
{
  return strcmp (key, ((const struct vl_held *)held)->resource);
}

/* The first of the parts of RESOURCE that this server holds (OWN), or that others do;
 * *COUNT: how many there are. */
static const struct vl_held *
held_of (const struct vl_call *call, int own, const char *resource, size_t *count)
{
  const struct vl_holdings *all = call->holdings;
  const struct vl_held *list = all == NULL ? NULL : own ? all->own : all->others;
  size_t n = all == NULL ? 0 : own ? all->n_own : all->n_others;
  const struct vl_held *first = n ? bsearch (resource, list, n, sizeof *list, by_resource) : NULL;
  const struct vl_held *last = first;

  *count = 0;
  if (first == NULL)
    return NULL;
  while (first > list && VL_STREQ (first[-1].resource, resource))
    first--;
  while (last < list + n && VL_STREQ (last->resource, resource))
    last++;
  *count = (size_t)(last - first);
  return first;
}

static int64_t
sum_of (const struct vl_held *held, size_t n)
{
  int64_t sum = 0;

  for (size_t i = 0; i < n; i++)
    if (__builtin_add_overflow (sum, held[i].amount, &sum))
      return INT64_MAX;
  return sum;
}

int64_t
vl_taken (struct vl_call *call, const char *resource)
{
  const struct vl_held *held;
  size_t n;

  if (resource == NULL) {
    vl_fault (call, "vl_taken: NULL where a name is needed");
    return 0;
  }
  held = held_of (call, 0, resource, &n);
  return sum_of (held, n);
}

int
vl_taken_one (struct vl_call *call, const char *pool, const char *member)
{
  const struct vl_held *held;
  size_t n = 0;

  if (pool == NULL || member == NULL)
    vl_fault (call, "vl_taken_one: NULL where a name is needed");
  else
    for (held = held_of (call, 0, pool, &n); n > 0; n--, held++)
      if (held->member && VL_STREQ (held->member, member))
        return 1;
  return 0;
}

void
vl_taken_set (struct vl_call *call, const char *pool, struct vl_cpuset *set)
{
  const struct vl_held *held;
  size_t n = 0;

  memset (set, 0, sizeof *set);
  if (pool == NULL)
    vl_fault (call, "vl_taken_set: NULL where a name is needed");
  else
    for (held = held_of (call, 0, pool, &n); n > 0; n--, held++)
      if (held->member && held->member[strspn (held->member, "0123456789")] == '\0')
        vl_cpuset_add (set, strtoll (held->member, NULL, 10));
}

const char *
vl_was (struct vl_call *call, const char *prop)
{
  const struct vl_recorded *was = call->guest ? call->guest->was : NULL;
  const char *name;

  if (! vl_may_name (call, "asks what there was of", prop))
    return NULL;
  name = vl_full_name (call, prop);
  for (size_t i = 0; was && i < was->n_props; i++)
    if (VL_STREQ (was->props[i].name, name) && *was->props[i].device == '\0')
      return was->props[i].value;
  return NULL;
}

/* ---- amounts ---- */

/* Keeps what the caller says that the host has of RESOURCE, to be held against what others say. */
static void
note_total (struct vl_call *call, const char *resource, int64_t total)
{
  struct vl_build *build = call->build;

  if (total < 0)
    return;
  for (size_t i = 0; i < build->n_totals; i++)
    if (build->totals[i].total == total && VL_STREQ (build->totals[i].resource, resource)
        && VL_STREQ (build->totals[i].plugin, claimant (call)))
      return;
  VL_GROW (build->totals, build->n_totals, build->totals_size);
  build->totals[build->n_totals++] = (struct vl_total) {
    .resource = vl_arena_strdup (call->arena, resource), .plugin = claimant (call), .total = total
  };
}

static int
compare_totals (const void *a, const void *b)
{
  const struct vl_total *x = a, *y = b;
  int order = strcmp (x->resource, y->resource);

  order = order ? order : strcmp (x->plugin, y->plugin);
  return order ? order : (x->total > y->total) - (x->total < y->total);
}

/* A host has one amount of a resource: who says another one than the first plugin is told with
 * it. */
static void
judge_totals (struct vl_build *build)
{
  const struct vl_total *first = build->totals;
  struct vl_report report = { .severity = VL_SEV_ERROR,
                              .err = VL_ERR_CONFLICT,
                              .code = "PluginConflict" };

  if (build->n_totals)
    qsort (build->totals, build->n_totals, sizeof *build->totals, compare_totals);
  for (size_t i = 1; i < build->n_totals; i++) {
    const struct vl_total *other = &build->totals[i];

    if (! VL_STREQ (first->resource, other->resource)) {
      first = other;
      continue;
    }
    /* The core counts what a store has anew for each disk. */
    if (first->total == other->total
        || (VL_STREQ (first->plugin, "core") && VL_STREQ (other->plugin, "core")))
      continue;
    report.plugin = other->plugin;
    report.hint = VL_STREQ (first->plugin, other->plugin) ? "this is a fault of the plugin"
                  : VL_STREQ (other->plugin, "core") || VL_STREQ (first->plugin, "core")
                      ? "a plugin that counts something else has to give it a name of its own"
                      : vl_printf (build->call, "turn one of them off: virtloom feature disable %s",
                                   other->plugin);
    vl_report (build->call, &report,
               "'%s' says that the host has %" PRId64 " of '%s', and '%s' says %" PRId64,
               first->plugin, first->total, first->resource, other->plugin, other->total);
  }
}

int
vl_claim_amount (struct vl_call *call, const char *resource, int64_t amount, int64_t total,
                 const char *why)
{
  struct vl_build *build = call->build;
  struct vl_claim_info *claim = NULL;

  for (size_t i = 0; i < build->n_claims; i++)
    if (build->claims[i].member == NULL && VL_STREQ (build->claims[i].resource, resource))
      claim = &build->claims[i];
  if (claim == NULL) {
    claim = add_claim (call, resource, why);
    claim->total = total;
  }
  note_total (call, resource, total);
  if (__builtin_add_overflow (claim->amount, amount, &claim->amount))
    return vl_fault (call, "vl_claim of '%s': the amounts add up to more than 64 bits hold",
                     resource);
  /* Whatever the order of the calls: the least total, the first plugin by name. */
  claim->total = total < claim->total ? total : claim->total;
  if (strcmp (claimant (call), claim->plugin) < 0) {
    claim->plugin = claimant (call);
    claim->why = why ? vl_full_name (call, why) : NULL;
  }
  return 0;
}

int
vl_claim (struct vl_call *call, const char *resource, int64_t amount, int64_t total,
          const char *why)
{
  if (! may_claim (call, "vl_claim", resource))
    return -1;
  if (amount <= 0)
    return vl_fault (call, "vl_claim of %" PRId64 " of '%s': an amount is positive", amount,
                     resource);
  if (total < 0)
    return vl_fault (call, "vl_claim of '%s' with a total of %" PRId64 ": a total is not negative",
                     resource, total);
  return vl_claim_amount (call, resource, amount, total, why);
}

static void
judge (struct vl_call *call, struct vl_claim_info *claim)
{
  struct vl_report report = { .severity = VL_SEV_ERROR,
                              .err = VL_ERR_UNSUPPORTED,
                              .code = "ComputeResourcesUnavailable",
                              .plugin = claim->plugin,
                              .property = claim->why };
  const struct vl_held *own;
  int64_t used = vl_taken (call, claim->resource);
  size_t n;

  claim->used = call->holdings ? used : -1;
  own = held_of (call, 1, claim->resource, &n);
  if (claim->total < 0 || claim->amount <= claim->total - used || claim->amount <= sum_of (own, n))
    return;
  if (claim->amount > claim->total)
    vl_report (call, &report, "the guest needs %" PRId64 " of '%s' and the host has %" PRId64,
               claim->amount, claim->resource, claim->total);
  else {
    report.hint = MEND;
    vl_report (call, &report,
               "the guest needs %" PRId64 " of '%s'; %" PRId64 " of the host's %" PRId64
               " are in use",
               claim->amount, claim->resource, used, claim->total);
  }
}

static int
compare_claims (const void *a, const void *b)
{
  const struct vl_claim_info *x = a, *y = b;
  int order = strcmp (x->plugin, y->plugin);

  order = order ? order : strcmp (x->resource, y->resource);
  return order || x->holder == NULL || y->holder == NULL ? order : strcmp (x->holder, y->holder);
}

void
vl_claims_judge (struct vl_build *build)
{
  if (build->n_claims)
    qsort (build->claims, build->n_claims, sizeof *build->claims, compare_claims);
  judge_totals (build);
  for (size_t i = 0; i < build->n_claims; i++)
    if (build->claims[i].member == NULL)
      judge (build->call, &build->claims[i]);
}

/* ---- members of a pool ---- */

/* What may be chosen: the N of LIST, or (NULL) the numbers from LOW on. */
struct candidates {
  const char *const *list;
  int64_t low, n;
};

static const char *
candidate (const struct candidates *from, int64_t i, char text[24])
{
  if (from->list)
    return from->list[i];
  return vl_decimal (text, from->low + i);
}

static int
is_candidate (const struct candidates *from, const char *member)
{
  char text[24];
  int64_t n;

  if (from->list == NULL) {
    n = strtoll (member, NULL, 10) - from->low;
    return n >= 0 && n < from->n && VL_STREQ (candidate (from, n, text), member);
  }
  for (int64_t i = 0; i < from->n; i++)
    if (VL_STREQ (from->list[i], member))
      return 1;
  return 0;
}

/* The claim that this build made of POOL for HOLDER, or NULL. */
static const struct vl_claim_info *
chosen_for (const struct vl_call *call, const char *pool, const char *holder)
{
  const struct vl_build *build = call->build;

  for (size_t i = 0; build && i < build->n_claims; i++)
    if (build->claims[i].member && VL_STREQ (build->claims[i].resource, pool)
        && VL_STREQ (build->claims[i].holder, holder)
        && VL_STREQ (build->claims[i].plugin, claimant (call)))
      return &build->claims[i];
  return NULL;
}

static int
is_own (const struct vl_call *call, const struct vl_held *held, const char *holder)
{
  return held->member && VL_STREQ (held->holder, holder)
         && VL_STREQ (held->plugin, claimant (call));
}

/* The same of what is below HOLDER, or of what HOLDER is below: what was the one may become the
 * other. */
static int
is_part (const struct vl_call *call, const struct vl_held *held, const char *holder)
{
  size_t length = strlen (holder) < strlen (held->holder) ? strlen (holder) : strlen (held->holder);
  const char *rest = holder[length] ? holder + length : held->holder + length;

  if (*rest == '\0' || strncmp (holder, held->holder, length) != 0
      || ! VL_STREQ (held->plugin, claimant (call)))
    return 0;
  while (VL_STARTS (rest, VL_HOLDER_BELOW))
    rest += strlen (VL_HOLDER_BELOW);
  return *rest == '\0';
}

/* What HOLDER of this server has of POOL on record, or NULL. */
static const char *
recorded_for (const struct vl_call *call, const char *pool, const char *holder)
{
  size_t n;

  for (const struct vl_held *own = held_of (call, 1, pool, &n); n > 0; n--, own++)
    if (is_own (call, own, holder))
      return own->member;
  return NULL;
}

static int
same_text (const char *a, const char *b)
{
  return VL_STREQ (a, b);
}

/* Who has MEMBER of POOL besides HOLDER: the name of a server, "" for this one; NULL:
 * nobody, or only who shares it as HOLDER does. */
static const char *
who_has (struct vl_call *call, const char *pool, const char *holder, const char *member, int shared,
         int (*same) (const char *, const char *))
{
  const struct vl_build *build = call->build;
  size_t n;

  for (size_t i = 0; i < build->n_claims; i++)
    if (build->claims[i].member && VL_STREQ (build->claims[i].resource, pool)
        && same (build->claims[i].member, member))
      return "";
  for (const struct vl_held *own = held_of (call, 1, pool, &n); n > 0; n--, own++)
    if (own->member && same (own->member, member) && ! is_own (call, own, holder)
        && ! is_part (call, own, holder))
      return "";
  for (const struct vl_held *held = held_of (call, 0, pool, &n); n > 0; n--, held++)
    if (held->member && same (held->member, member) && ! (shared && held->amount == 0))
      return held->server;
  return NULL;
}

static struct vl_claim_info *
add_member (struct vl_call *call, const char *pool, const char *holder, const char *member,
            const char *why)
{
  struct vl_claim_info *claim = add_claim (call, pool, why);

  claim->amount = claim->total = 1;
  claim->used = call->holdings ? 0 : -1;
  claim->holder = vl_arena_strdup (call->arena, holder);
  claim->member = vl_arena_strdup (call->arena, member);
  return claim;
}

/* Refuses MEMBER of WHAT for HOLDER, since WHO, as who_has says, has it. */
static int
refuse_used (struct vl_call *call, const char *what, const char *member, const char *holder,
             const char *who, const char *why, const char *hint)
{
  return vl_refuse_as (call, VL_ERR_UNSUPPORTED, "ComputeResourcesUnavailable", why, hint,
                       "%s '%s' of '%s' is in use by %s", what, member, holder,
                       *who ? vl_printf (call, "server \"%s\"", who) : "this server already");
}

int
vl_claim_member (struct vl_call *call, const struct vl_wanted_member *want)
{
  const char *who = who_has (call, want->pool, want->holder, want->member, want->shared,
                             want->same ? want->same : same_text);

  if (who)
    return refuse_used (call, want->what, want->member, want->holder, who, NULL,
                        *who == '\0' && want->own_hint ? want->own_hint : want->hint);
  add_member (call, want->pool, want->holder, want->member, NULL)->amount = ! want->shared;
  return 0;
}

static const char *
choose (struct vl_call *call, const char *function, const char *pool, const char *holder,
        const struct candidates *from, const char *why)
{
  const struct vl_claim_info *made;
  const char *had, *who = NULL;
  char text[24];

  if (! may_claim (call, function, pool) || ! may_claim (call, function, holder))
    return NULL;
  for (int64_t i = 0; from->list && i < from->n; i++)
    if (! may_claim (call, function, from->list[i]))
      return NULL;
  made = chosen_for (call, pool, holder);
  if (made && is_candidate (from, made->member))
    return made->member;
  if (made) {
    vl_fault (call, "%s of '%s' for '%s', which has '%s' already", function, pool, holder,
              made->member);
    return NULL;
  }
  had = recorded_for (call, pool, holder);
  if (had && is_candidate (from, had) && ! who_has (call, pool, holder, had, 0, same_text))
    return add_member (call, pool, holder, had, why)->member;
  for (int64_t i = 0; i < from->n; i++) {
    const char *member = candidate (from, i, text);
    struct vl_claim_info *claim;

    who = who_has (call, pool, holder, member, 0, same_text);
    if (who)
      continue;
    claim = add_member (call, pool, holder, member, why);
    claim->provisional = from->n > 1;
    return claim->member;
  }
  if (from->n == 1)
    refuse_used (call, pool, candidate (from, 0, text), holder, who, why,
                 "ask for another one, or take it away where it is");
  else
    vl_refuse_as (call, VL_ERR_UNSUPPORTED, "ComputeResourcesUnavailable", why, MEND,
                  "nothing of '%s' is free for '%s'", pool, holder);
  return NULL;
}

const char *
vl_claim_one (struct vl_call *call, const char *pool, const char *holder,
              const char *const *candidates, size_t n, const char *why)
{
  const struct candidates from = { candidates, 0, (int64_t)n };

  return choose (call, "vl_claim_one", pool, holder, &from, why);
}

int64_t
vl_claim_number (struct vl_call *call, const char *pool, const char *holder, int64_t low,
                 int64_t high, const char *why)
{
  const struct candidates from = { NULL, low, high - low + 1 };
  const char *member;

  if (low < 0 || high < low || high == INT64_MAX)
    return vl_fault (call, "vl_claim_number of '%s' from %" PRId64 " to %" PRId64,
                     pool ? pool : "NULL", low, high);
  member = choose (call, "vl_claim_number", pool, holder, &from, why);
  return member ? strtoll (member, NULL, 10) : -1;
}

const char *
vl_claimed (struct vl_call *call, const char *pool, const char *holder)
{
  const struct vl_claim_info *made;

  if (pool == NULL || holder == NULL) {
    vl_fault (call, "vl_claimed: NULL where a name is needed");
    return NULL;
  }
  made = chosen_for (call, pool, holder);
  if (made || call->build)
    return made ? made->member : NULL;
  return recorded_for (call, pool, holder);
}
