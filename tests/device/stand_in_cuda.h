/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stand_in_cuda.h -- the words of CUDA that shmemx_device.h uses, for a clang that can make code
 * for the devices and has no CUDA beside it.  Declarations only: nothing is linked.
 */
#ifndef STAND_IN_CUDA_H
#define STAND_IN_CUDA_H

#define __CUDACC__
#define __host__        __attribute__((host))
#define __device__      __attribute__((device))
#define __global__      __attribute__((global))
#define __forceinline__ __inline__ __attribute__((always_inline))
#define __noinline__    __attribute__((noinline))

struct stand_in_index {
    unsigned x, y, z;
};
extern "C" {
extern __device__ struct stand_in_index threadIdx, blockDim;
__device__ void __syncthreads(void);
__device__ void __threadfence_system(void);
__device__ void __nanosleep(unsigned ns);
}

#define STAND_IN_ATOMICS(type)                            \
    __device__ type atomicAdd_system(type *at, type by);  \
    __device__ type atomicExch_system(type *at, type by); \
    __device__ type atomicAnd_system(type *at, type by);  \
    __device__ type atomicOr_system(type *at, type by);   \
    __device__ type atomicXor_system(type *at, type by);  \
    __device__ type atomicCAS_system(type *at, type is, type by);
STAND_IN_ATOMICS(unsigned)
STAND_IN_ATOMICS(unsigned long long)

#include <stddef.h>
extern "C" __device__ void *memcpy(void *dst, const void *src, size_t len);

#endif
