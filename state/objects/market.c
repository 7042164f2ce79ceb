#include "state/objects/market.h"

#define T struct device
static const struct field device_fields[] = {
    F_UINT(T, class),  F_UINT(T, model_id),   F_UINT(T, mem_mib),
    F_UINT(T, gflops), F_UINT(T, link_class), F_UINT(T, intra_kibps),
};
#undef T
const struct record record_device = RECORD("device", struct device, device_fields, 6);

#define T struct node
static const struct field node_fields[] = {
    F_VERSION(T),
    F_FIXED(T, provider),
    F_FIXED(T, worker),
    F_FIXED(T, worker_key),
    F_UINT(T, region),
    F_UINT(T, domain),
    F_RECORDS(T, devices, &record_device),
    F_UINT(T, cpu_mcore),
    F_UINT(T, ram_mib),
    F_UINT(T, disk_mib),
    F_UINT(T, disk_kibps),
    F_UINT(T, net_up_kbps),
    F_UINT(T, net_down_kbps),
    F_UINT(T, reachable),
    F_UINT(T, state),
    F_VECTOR(T, offered),
};
#undef T
const struct record record_node = RECORD("node", struct node, node_fields, 16);

#define T struct offer
static const struct field offer_fields[] = {
    F_VERSION(T),
    F_FIXED(T, provider),
    F_FIXED(T, node_id),
    F_UINT(T, kind),
    F_VECTOR(T, capacity),
    F_VECTOR(T, prices),
    F_UINT(T, from_ms),
    F_UINT(T, to_ms),
    F_UINT(T, min_lease_s),
    F_UINT(T, max_lease_s),
    F_UINT(T, reclaim_window_s),
    F_UINT(T, preemptible),
    F_UINT(T, accept_mode),
    F_UINTS(T, allowed_orgs),
    F_UINT(T, peer_orgs),
    F_UINT(T, purposes),
    F_UINT(T, deposit),
    F_UINT(T, state),
    F_UINT(T, created_ms),
    F_FIXED(T, lease_id),
};
#undef T
const struct record record_offer = RECORD("offer", struct offer, offer_fields, 20);

#define T struct data_set
static const struct field data_set_fields[] = {
    F_VERSION(T),
    F_FIXED(T, owner),
    F_FIXED(T, content_root),
    F_UINT(T, size_bytes),
    F_UINT(T, records),
    F_UINT(T, kind),
    F_UINT(T, chunks),
    F_UINT(T, chunk_kib),
    F_UINT(T, licence_id),
    F_FIXED(T, licence_hash),
    F_UINT(T, purposes),
    F_UINT(T, derivative_rule),
    F_UINTS(T, regions),
    F_UINT(T, egress),
    F_UINT(T, quality_ppm),
    F_UINT(T, statistical_flags),
    F_UINT(T, price),
    F_UINT(T, price_gib),
    F_UINT(T, state),
};
#undef T
const struct record record_data_set = RECORD("data_set", struct data_set, data_set_fields, 19);
