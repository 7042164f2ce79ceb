#include "client/compiler/fuse.h"

#include <stdlib.h>

/* Readers of a tensor, as linked lists: edge 0 does not exist. */
struct edge {
    uint32_t node;
    uint32_t next;
};

struct fuser {
    const struct graph *graph;
    struct fuse_group *groups;
    struct edge *edges;
    uint32_t *first_edge; /* per tensor */
    uint32_t *group_of;   /* per node: its group's number plus 1 */
    bool *live;           /* per node */
    bool *pinned;         /* per tensor: read after the step */
    uint32_t group_count;
    uint32_t edge_count;
};

static bool fuser_open(struct fuser *fuser, const struct graph *graph)
{
    fuser->graph = graph;
    fuser->groups = calloc((size_t)graph->node_count + 1, sizeof *fuser->groups);
    fuser->edges = calloc((size_t)graph->node_count * GRAPH_IN_MAX + 1, sizeof *fuser->edges);
    fuser->first_edge = calloc(graph->tensor_count, sizeof *fuser->first_edge);
    fuser->group_of = calloc((size_t)graph->node_count + 1, sizeof *fuser->group_of);
    fuser->live = calloc((size_t)graph->node_count + 1, sizeof *fuser->live);
    fuser->pinned = calloc(graph->tensor_count, sizeof *fuser->pinned);
    return fuser->groups != NULL && fuser->edges != NULL && fuser->first_edge != NULL &&
           fuser->group_of != NULL && fuser->live != NULL && fuser->pinned != NULL;
}

/* Frees everything but the groups. */
static void fuser_close(struct fuser *fuser)
{
    free(fuser->edges);
    free(fuser->first_edge);
    free(fuser->group_of);
    free(fuser->live);
    free(fuser->pinned);
}

/* A node lives if one of its results is pinned or read by a living node.  Nodes are in
 * order, so one pass backwards sees every reader first; it also lists the readers. */
static void liveness_find(struct fuser *fuser, uint32_t loss)
{
    const struct graph *graph = fuser->graph;
    fuser->pinned[loss] = true;
    for (uint32_t i = 0; i < graph->state_count; i++) {
        fuser->pinned[graph->states[i].out] = true;
    }
    for (uint32_t index = graph->node_count; index > 0; index--) {
        const struct graph_node *node = &graph->nodes[index - 1];
        bool live = false;
        for (uint32_t i = 0; i < node->out_count; i++) {
            live = live || fuser->pinned[node->out[i]] || fuser->first_edge[node->out[i]] != 0;
        }
        fuser->live[index - 1] = live;
        for (uint32_t i = 0; live && i < node->in_count; i++) {
            const uint32_t edge = ++fuser->edge_count;
            fuser->edges[edge].node = index - 1;
            fuser->edges[edge].next = fuser->first_edge[node->in[i]];
            fuser->first_edge[node->in[i]] = edge;
        }
    }
}

/* Constants and index numbers that only register programs read are repeated in each. */
static bool is_repeated(const struct fuser *fuser, uint32_t index)
{
    const struct graph_node *node = &fuser->graph->nodes[index];
    if (node->op != GRAPH_EWISE || node->in_count != 0 || fuser->pinned[node->out[0]]) {
        return false;
    }
    for (uint32_t edge = fuser->first_edge[node->out[0]]; edge != 0;
         edge = fuser->edges[edge].next) {
        if (fuser->graph->nodes[fuser->edges[edge].node].op != GRAPH_EWISE) {
            return false;
        }
    }
    return true;
}

/* Number plus 1 of the group that reads the tensor first; 0: nobody does. */
static uint32_t earliest_reader(const struct fuser *fuser, uint32_t tensor)
{
    uint32_t best = 0;
    for (uint32_t edge = fuser->first_edge[tensor]; edge != 0; edge = fuser->edges[edge].next) {
        const uint32_t group = fuser->group_of[fuser->edges[edge].node];
        /* Groups are made backwards: a greater number runs earlier. */
        best = group > best ? group : best;
    }
    return best;
}

static bool is_external(const struct fuser *fuser, uint32_t index, uint32_t group)
{
    const uint32_t out = fuser->graph->nodes[index].out[0];
    bool outside = fuser->pinned[out];
    for (uint32_t edge = fuser->first_edge[out]; edge != 0; edge = fuser->edges[edge].next) {
        outside = outside || fuser->group_of[fuser->edges[edge].node] != group;
    }
    return outside;
}

static bool group_join(struct fuser *fuser, uint32_t index)
{
    const struct graph *graph = fuser->graph;
    const uint32_t out = graph->nodes[index].out[0];
    const uint32_t number = earliest_reader(fuser, out);
    if (number == 0) {
        return false;
    }
    struct fuse_group *group = &fuser->groups[number - 1];
    const struct graph_node *root = &graph->nodes[group->members[0]];
    if (root->op != GRAPH_EWISE || group->count == FUSE_MEMBER_MAX ||
        !graph_same_shape(graph, root->out[0], out)) {
        return false;
    }
    struct fuse_group joined = *group;
    joined.members[joined.count] = index;
    joined.external[joined.count] = is_external(fuser, index, number);
    joined.count++;
    struct vm_op op;
    if (!fuse_encode(graph, &joined, &op)) {
        return false;
    }
    *group = joined;
    fuser->group_of[index] = number;
    return true;
}

static void groups_make(struct fuser *fuser)
{
    const struct graph *graph = fuser->graph;
    for (uint32_t index = graph->node_count; index > 0; index--) {
        const uint32_t at = index - 1;
        if (!fuser->live[at] || is_repeated(fuser, at)) {
            continue;
        }
        if (graph->nodes[at].op == GRAPH_EWISE && group_join(fuser, at)) {
            continue;
        }
        struct fuse_group *group = &fuser->groups[fuser->group_count++];
        group->count = 1;
        group->members[0] = at;
        group->external[0] = true;
        fuser->group_of[at] = fuser->group_count;
    }
}

bool fuse_run(const struct graph *graph, uint32_t loss, struct fuse_plan *out)
{
    struct fuser fuser = {0};
    if (!fuser_open(&fuser, graph)) {
        free(fuser.groups);
        fuser_close(&fuser);
        return false;
    }
    liveness_find(&fuser, loss);
    groups_make(&fuser);
    for (uint32_t i = 0; i < fuser.group_count / 2; i++) {
        const struct fuse_group swap = fuser.groups[i];
        fuser.groups[i] = fuser.groups[fuser.group_count - 1 - i];
        fuser.groups[fuser.group_count - 1 - i] = swap;
    }
    out->count = fuser.group_count;
    out->groups = fuser.groups;
    fuser_close(&fuser);
    return true;
}

void fuse_free(struct fuse_plan *plan)
{
    free(plan->groups);
    *plan = (struct fuse_plan){0};
}
