/* SPDX-License-Identifier: BSD-3-Clause */
/* verbs_pair.c -- queue pairs: how they are made, and brought to where they can send. */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "transport/verbs.h"

enum { RETRIES = 7, FOR_EVER = 7, RECEIVER_NOT_READY = 12 /* 0.64 ms */, HOPS = 64 };

uint32_t shmi_verbs_random(void)
{
    uint32_t value;
    if (getrandom(&value, sizeof(value), 0) != sizeof(value)) {
        value = (uint32_t)(uintptr_t)&value;
    }
    return value & 0xffffff;
}

/* The way to another port: by local address within an InfiniBand subnet, else by GID. */
static struct ibv_ah_attr way_to(struct shmi_net *net, const struct hello *hello)
{
    bool by_gid = net->hello.is_roce || hello->lid == 0 ||
                  hello->gid.global.subnet_prefix != net->hello.gid.global.subnet_prefix;
    struct ibv_ah_attr attr = {
        .dlid = hello->lid,
        .is_global = by_gid,
        .port_num = net->port,
        .grh = {.dgid = hello->gid, .sgid_index = net->gid_index, .hop_limit = HOPS},
    };
    return attr;
}

struct ibv_ah *shmi_verbs_ah(struct shmi_net *net, const struct hello *hello)
{
    struct ibv_ah_attr attr = way_to(net, hello);
    return ibv_create_ah(net->pd, &attr);
}

/* Initialised, with as much room for inline data as the device gives. */
struct ibv_qp *shmi_verbs_pair_new(struct shmi_net *net, struct ibv_qp_init_attr *init)
{
    struct ibv_qp *qp = NULL;
    init->cap.max_inline_data = (uint32_t)net->inline_len;
    for (;;) {
        qp = ibv_create_qp(net->pd, init);
        if (qp != NULL || init->cap.max_inline_data == 0) {
            break;
        }
        init->cap.max_inline_data = (uint32_t)(net->inline_len /= 2);
    }
    if (qp == NULL) {
        return NULL;
    }
    struct ibv_qp_attr attr = {
        .qp_state = IBV_QPS_INIT,
        .port_num = net->port,
        .qkey = net->hello.qkey,
        .qp_access_flags = IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ |
                           (net->hello.atomics == VERBS_BY_DEVICE ? IBV_ACCESS_REMOTE_ATOMIC : 0),
    };
    int mask = IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT |
               (init->qp_type == IBV_QPT_UD ? IBV_QP_QKEY : IBV_QP_ACCESS_FLAGS);
    errno = ibv_modify_qp(qp, &attr, mask);
    if (errno != 0) {
        int error = errno;
        ibv_destroy_qp(qp);
        errno = error;
        return NULL;
    }
    return qp;
}

int shmi_verbs_pair_connect(struct shmi_net *net, struct ibv_qp *qp, uint32_t psn,
                            const struct note *other)
{
    struct ibv_qp_attr receive = {
        .qp_state = IBV_QPS_RTR,
        .path_mtu = (enum ibv_mtu)shmi_min(net->hello.mtu, other->hello.mtu),
        .dest_qp_num = other->qpn,
        .rq_psn = other->psn,
        .max_dest_rd_atomic = net->hello.reads,
        .min_rnr_timer = RECEIVER_NOT_READY,
        .ah_attr = way_to(net, &other->hello),
    };
    struct ibv_qp_attr send = {
        .qp_state = IBV_QPS_RTS,
        .sq_psn = psn,
        .timeout = net->ack_timeout,
        .retry_cnt = RETRIES,
        .rnr_retry = FOR_EVER,
        .max_rd_atomic =
            (uint8_t)shmi_min(other->hello.reads, (size_t)net->attr.max_qp_init_rd_atom),
    };
    int rc = ibv_modify_qp(qp, &receive,
                           IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN |
                               IBV_QP_RQ_PSN | IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER);
    if (rc == 0) {
        rc = ibv_modify_qp(qp, &send,
                           IBV_QP_STATE | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY |
                               IBV_QP_SQ_PSN | IBV_QP_MAX_QP_RD_ATOMIC);
    }
    return -rc;
}

int shmi_verbs_datagrams_open(struct shmi_net *net)
{
    struct ibv_qp_init_attr init = {
        .qp_type = IBV_QPT_UD,
        .send_cq = net->departures,
        .recv_cq = net->arrivals,
        .cap = {.max_send_wr = VERBS_NOTES,
                .max_recv_wr = VERBS_ARRIVALS,
                .max_send_sge = 1,
                .max_recv_sge = 1},
    };
    net->hello.qkey = shmi_verbs_random();
    net->datagrams = shmi_verbs_pair_new(net, &init);
    if (net->datagrams == NULL) {
        return -errno;
    }
    net->hello.qpn = net->datagrams->qp_num;
    struct ibv_qp_attr attr = {.qp_state = IBV_QPS_RTR};
    int rc = ibv_modify_qp(net->datagrams, &attr, IBV_QP_STATE);
    attr.qp_state = IBV_QPS_RTS;
    if (rc == 0) {
        rc = ibv_modify_qp(net->datagrams, &attr, IBV_QP_STATE | IBV_QP_SQ_PSN);
    }
    return -rc;
}
