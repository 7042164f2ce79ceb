#include "tests/sim/sim.h"

/* Disks that do worse than forget.  A full disk and an error stop the process cleanly; it is
 * started again and loses nothing.  The others belong to a node that counts among the f: it
 * may refuse to start, and what it signs may contradict what it has forgotten. */

enum { RETRY_US = 300000 };

bool damage_stops(struct sim_world *world, struct sim_node *node)
{
    const bool full = fault_value(world, FAULT_FULL, node->index) != 0;
    const bool eio = fault_value(world, FAULT_EIO, node->index) != 0;
    if (!full && !eio) {
        return false;
    }
    fault_hit(world, full ? FAULT_FULL : FAULT_EIO);
    node_stop(world, node, RETRY_US);
    return true;
}

void damage_refuses(struct sim_world *world, struct sim_node *node, const char *why)
{
    if (damage_stops(world, node)) {
        return;
    }
    if (!node->excused) {
        check_fail(world->check, "crash", "node %u does not start: %.120s", node->index, why);
        node_stop(world, node, RETRY_US);
        return;
    }
    world_trace(world, node->index, "refuses to start: %s", why);
    fault_hit(world, FAULT_REFUSED);
    node->halted = true;
    node_stop(world, node, RETRY_US);
}

/* The power is off; the node comes back with what the disk now says. */
static void damage_rest(struct sim_world *world, struct sim_node *node,
                        const struct sim_fault *fault)
{
    uint64_t random = draw(world, DRAW_DAMAGE, node->index);
    bool done = true;
    if (node->up) {
        node_crash(world, node, 1000 + draw_below(world, DRAW_DOWN, node->index, RETRY_US));
    }
    if (fault->class == FAULT_ROT) {
        done = sim_disk_rot(&node->disk, &random);
    } else if (fault->class == FAULT_MISDIRECTED) {
        done = sim_disk_misdirect(&node->disk, &random);
    } else if (fault->class == FAULT_MISSING) {
        done = sim_disk_lose(&node->disk, &random);
    } else if (fault->class == FAULT_STALE) {
        sim_disk_copy(&node->image, &node->disk);
    }
    world->hits[fault->class] += done ? 1 : 0;
}

void damage_turns(struct sim_world *world, const struct sim_fault *fault, bool begins)
{
    if (fault->node >= world->node_count) {
        return; /* a disk fault has one node */
    }
    struct sim_node *node = &world->nodes[fault->node];
    const bool long_one = fault->class == FAULT_SYNC_LIES || fault->class == FAULT_STALE;
    node->disk.is_full = fault->class == FAULT_FULL ? begins : node->disk.is_full;
    node->disk.room = fault->class == FAULT_FULL ? fault->value : node->disk.room;
    node->disk.eio = fault->class == FAULT_EIO ? begins : node->disk.eio;
    if (fault->class == FAULT_STALE && begins) {
        sim_disk_copy(&node->disk, &node->image);
    }
    if (fault->class == FAULT_SYNC_LIES) {
        node->disk.sync_lies = begins;
    }
    if (fault->class != FAULT_FULL && fault->class != FAULT_EIO && begins != long_one &&
        node->born) {
        damage_rest(world, node, fault);
    }
}
