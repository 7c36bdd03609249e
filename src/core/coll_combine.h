/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * coll_combine.h -- the arithmetic of reductions and scans: shmi_combine_sum_int and so on, one
 * for each operation and type of the table of types.
 *
 * Integers wrap on overflow.  acc and in do not overlap.
 */
#ifndef SHMI_COLL_COMBINE_H
#define SHMI_COLL_COMBINE_H

#include "core/base/export.h"
#include "core/coll.h"

#define SHMI_COMBINE(op, T, type) shmi_combine shmi_combine##op##T;
SHMEMI_FOR_LOGIC(SHMI_COMBINE, _and)
SHMEMI_FOR_LOGIC(SHMI_COMBINE, _or)
SHMEMI_FOR_LOGIC(SHMI_COMBINE, _xor)
SHMEMI_FOR_COMPARE(SHMI_COMBINE, _min)
SHMEMI_FOR_COMPARE(SHMI_COMBINE, _max)
SHMEMI_FOR_SUM(SHMI_COMBINE, _sum)
SHMEMI_FOR_SUM(SHMI_COMBINE, _prod)
#undef SHMI_COMBINE

#endif
