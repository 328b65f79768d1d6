/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Rows that contradict themselves, several at once. */

#include "mock.h"

static const struct vl_prop props[] = {
  { .name = "typeless", .type = 99, .help = "no type", .since = "0.1" },
  { .name = "choiceless", .type = VL_CHOICE, .help = "no choices", .since = "0.1" },
  { .name = "default", .type = VL_BOOL, .deflt = "maybe", .help = "no default", .since = "0.1" },
  { .name = "ruleless",
    .type = VL_BOOL,
    .flavor_key = "bad:rule",
    .image_key = "bad_rule",
    .help = "no rule",
    .since = "0.1" },
  { .name = "filler",
    .type = VL_STRING,
    .fills = "disk.colour",
    .help = "no slot",
    .since = "0.1" },
  { .name = "settled", .type = VL_STRING, .setting = "none", .help = "none", .since = "0.1" },
  { .name = "settled", .type = VL_STRING, .help = "twice", .since = "0.1" },
  { .name = "beside",
    .type = VL_STRING,
    .only = "settled=yes; !gone nowhere",
    .help = "beside what there is not",
    .since = "0.1" },
};

static const struct vl_tool_row tools[] = {
  { .name = "convert", .program = "qemu-img", .flags = VL_TOOL_TENANT | VL_TOOL_CONNECT },
  { .program = "qemu-img" },
  { .name = "convert", .program = "qemu-img" },
};

VL_FEATURE (bad_tables, "bad-tables", .summary = "bad tables", .props = VL_TABLE (props),
            .tools = VL_TABLE (tools));
