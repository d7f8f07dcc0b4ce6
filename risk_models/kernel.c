/*
 * The arithmetic of score.py and steadiness.py, compiled: the same rules under the same names, for whoever scores many.
 *
 * The Python says what is done and why; where the two differ, this file is wrong. Scores are the same to the last bit, so every
 * number is made by the same operations in the same order, and no compiler may join or reorder them (no -ffast-math, no fused
 * multiply-add). Steadiness may differ in the last bits, as the exp and log of two libraries do.
 *
 * Suppliers are taken a block at a time, so that what is added up stays in the cache while the indicators pass by. What is done
 * cell by cell stands in loops without branches, which a compiler turns into instructions on several suppliers at once.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Suppliers in a block: enough that a row of it is read in one go, few enough that all sums stay near. A multiple of EIGHT. */
enum { BLOCK = 384, EIGHT = 8 };

/* Wider registers where the machine that runs this has them: it is told when it is loaded, not when it is compiled. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define FOR_EACH_MACHINE __attribute__((target_clones("avx2", "default")))
#else
#define FOR_EACH_MACHINE
#endif
/* A part of a function above must be compiled with it, or it would be compiled for the narrowest registers alone. */
#if defined(__GNUC__)
#define PART static inline __attribute__((always_inline))
#else
#define PART static inline
#endif
/* No two arrays of a loop overlap. */
#if defined(__clang__)
#define CELL_BY_CELL _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define CELL_BY_CELL _Pragma("GCC ivdep")
#else
#define CELL_BY_CELL
#endif

typedef uint8_t Flag; /* 0 or 1, as numpy keeps them */

enum { NOT_ASKED, ANSWERED, REPORTED, DECLINED, EXPIRED, RULED_OUT };
enum { LOW, MEDIUM, HIGH, CRITICAL, INSUFFICIENT, LEVELS = 4 };
static const double WORST_OF_LOW = 75.0;

/* An array of numpy: where it begins, and how many bytes lie between rows and between columns (0: one for all). */
typedef struct {
    const char *at;
    ptrdiff_t row, column;
} Array;

/* The fields of frame.Frame, in their order; row = 0 of those that have no rows. */
typedef struct {
    Array risk, least, belief, context, context_low, context_high, context_of, answered, declined, expired, ruled_out, reported,
        report, report_belief, gated, gate_belief, inherent_known, place_known, critical_by_silence, case_;
} Frame;

/* The fields of frame.Scores, in their order; those of several rows have them ``apart`` suppliers from one another. */
typedef struct {
    double *base, *uplift, *total, *best, *worst;
    int8_t *level, *inherent_level, *floors;
    Flag *capped, *harm, *asked;
    double *practice, *practice_of, *coverage, *confidence, *floor, *floor_worst;
    Flag *core_declined, *core_settled;
    double *coverage_alone, *moments;
    ptrdiff_t apart;
} Scores;

/* The fields of frame.Cells that are worked out, one row per indicator, ``apart`` cells from one another. */
typedef struct {
    int8_t *state;
    double *effective;
    Flag *harms;
    ptrdiff_t apart;
} Cells;

/* What the rules read of a model; see kernel.py. */
typedef struct {
    ptrdiff_t indicators;
    const double *share; /* (indicators) */
    const Flag *core, *safeguard;
    double assures_below;               /* an answer below this r reassures */
    ptrdiff_t hears_silence;            /* an answer that reassures nobody is believed all the same */
    ptrdiff_t out_is_not_declined;      /* silence about what cannot be here holds nothing back */
    ptrdiff_t gates;
    const ptrdiff_t *behind_from, *behind; /* gate g: indicators behind[behind_from[g]] up to behind[behind_from[g + 1]] */
    const ptrdiff_t *read_from;         /* indicator i: readings read_from[i] up to read_from[i + 1] */
    const ptrdiff_t *sign;              /* of each reading */
    const double *from_risk;
    const Flag *by_report;
    ptrdiff_t floors;
    const ptrdiff_t *signs_from;        /* floor f: signs signs_from[f] up to signs_from[f + 1] */
    const ptrdiff_t *needed, *from_case; /* from_case: -1 where a floor reads no cases */
    const Flag *declined_core;
    const double *at_least;
    const double *level_from;           /* points: medium, high, critical */
    double insufficient_below;
} Model;

/* Of numbers; a NaN as ``a`` gives ``b``. */
PART double larger(double a, double b) { return a > b ? a : b; }
PART double smaller(double a, double b) { return a < b ? a : b; }

/* Suppliers that are worked out together, BLOCK at most: side by side from ``start``, or those ``which`` says from there on. */
typedef struct {
    ptrdiff_t start, count;
    const ptrdiff_t *which;
} Some;

PART ptrdiff_t place(const Some *some, ptrdiff_t j) { return some->start + (some->which ? some->which[j] : j); }

/* Their columns of a row, side by side: where they lie if they do, else copied to ``room``. */
PART const double *numbers(const Array *of, ptrdiff_t i, const Some *some, double *room) {
    const char *row = of->at + i * of->row;
    if (of->column == sizeof(double) && !some->which) return (const double *)row + some->start;
    for (ptrdiff_t j = 0; j < some->count; j++) room[j] = *(const double *)(row + place(some, j) * of->column);
    return room;
}

PART double number(const Array *of, ptrdiff_t i, ptrdiff_t j) {
    return *(const double *)(of->at + i * of->row + j * of->column);
}

PART const Flag *flags(const Array *of, ptrdiff_t i, const Some *some, Flag *room) {
    const char *row = of->at + i * of->row;
    if (of->column == sizeof(Flag) && !some->which) return (const Flag *)row + some->start;
    for (ptrdiff_t j = 0; j < some->count; j++) room[j] = *(const Flag *)(row + place(some, j) * of->column);
    return room;
}

/* A cell, worked out: see score.Tile. */
typedef struct {
    double context, effective, best, worst, belief, found, asked, covers, covers_or_reported;
} Cell;

/* Low and high of an uncertain context may cross a score taken at its point: the range always holds the score. */
PART Cell in_range(Cell cell) {
    cell.best = smaller(cell.best, cell.effective);
    cell.worst = larger(cell.worst, cell.effective);
    return cell;
}

/* One indicator of a block of suppliers: what is read of it, and what is written. State, effective risk and harm lie where they
 * are asked for. ``few`` cells, at the places ``at``, are more than answered or not asked; ``plain`` is 0 there, else 1. */
typedef struct {
    ptrdiff_t i, count;
    const Some *some;
    double least;
    const double *context, *low, *high, *risk, *belief;
    const Flag *answered, *left_blank, *too_old, *ruled_out, *behind_gate, *reported, *overruled;
    int8_t *state;
    double *effective;
    Flag *harm;
    _Alignas(64) double own[BLOCK], plain[BLOCK], found[BLOCK];
    Flag declined[BLOCK], settled[BLOCK];
    ptrdiff_t few, at[BLOCK];
    double rooms[5][BLOCK];
    Flag flag_rooms[6][BLOCK];
} Row;

PART ptrdiff_t context_of(const Frame *frame, ptrdiff_t i) {
    return *(const ptrdiff_t *)(frame->context_of.at + i * frame->context_of.column);
}

PART void look(const Frame *frame, ptrdiff_t i, const Some *some, const Flag *overruled, Row *row) {
    const ptrdiff_t context = context_of(frame, i);
    row->i = i, row->some = some, row->count = some->count, row->overruled = overruled;
    row->least = number(&frame->least, i, 0);
    row->context = numbers(&frame->context, context, some, row->rooms[0]);
    row->low = numbers(&frame->context_low, context, some, row->rooms[1]);
    row->high = numbers(&frame->context_high, context, some, row->rooms[2]);
    row->risk = numbers(&frame->risk, i, some, row->rooms[3]);
    row->belief = numbers(&frame->belief, i, some, row->rooms[4]);
    row->answered = flags(&frame->answered, i, some, row->flag_rooms[0]);
    row->left_blank = flags(&frame->declined, i, some, row->flag_rooms[1]);
    row->too_old = flags(&frame->expired, i, some, row->flag_rooms[2]);
    row->ruled_out = flags(&frame->ruled_out, i, some, row->flag_rooms[3]);
    row->behind_gate = flags(&frame->gated, i, some, row->flag_rooms[4]);
    row->reported = flags(&frame->reported, i, some, row->flag_rooms[5]);
}

/* What each cell is, as if it were answered or not asked, and which few are more than that. */
PART void tell_apart(const Model *model, Row *row) {
    const ptrdiff_t count = row->count;
    const double *risk = row->risk;
    const Flag *answered = row->answered, *left_blank = row->left_blank, *too_old = row->too_old, *ruled_out = row->ruled_out,
               *behind_gate = row->behind_gate, *reported = row->reported, *overruled = row->overruled;
    const Flag out_is_not_declined = (Flag)model->out_is_not_declined;
    int8_t *state = row->state;
    Flag *harm = row->harm, admits[BLOCK], few[BLOCK] = {0};
    CELL_BY_CELL
    for (ptrdiff_t j = 0; j < count; j++) row->own[j] = answered[j];
    CELL_BY_CELL
    for (ptrdiff_t j = 0; j < count; j++) admits[j] = risk[j] >= 0.5;
    CELL_BY_CELL
    for (ptrdiff_t j = 0; j < count; j++) {
        const Flag gated = behind_gate[j] & (overruled[j] ^ 1);
        const Flag out = ruled_out[j] & (reported[j] ^ 1);
        const Flag expired = too_old[j] & answered[j] & (admits[j] ^ 1);
        /* Since method 2 silence about what cannot be here holds nothing back. */
        const Flag declined = left_blank[j] & (gated ^ 1) & ((out & out_is_not_declined) ^ 1);
        few[j] = expired | gated | declined | reported[j] | out;
        state[j] = (int8_t)answered[j];
        harm[j] = admits[j] | reported[j];
        row->settled[j] = answered[j];
        row->declined[j] = declined;
    }
    CELL_BY_CELL
    for (ptrdiff_t j = 0; j < count; j++) row->plain[j] = few[j] ^ 1;
    row->few = 0;
    /* Eight at a time, for most are none. */
    for (ptrdiff_t from = 0; from < count; from += EIGHT) {
        uint64_t any;
        memcpy(&any, few + from, EIGHT);
        for (ptrdiff_t j = from; any && j < from + EIGHT; j++) {
            row->at[row->few] = j;
            row->few += few[j];
        }
    }
}

/* A cell that is answered or not asked: without branches. Evidence counts for a reassuring answer alone; with none, the same
 * lines serve what is admitted and not asked. */
PART Cell usual(const Row *row, double assures_below, double hears_silence, ptrdiff_t j) {
    const double c = row->context[j], own = row->own[j], own_q = own * row->belief[j];
    const double r = larger(row->risk[j], 0.0); /* 0 where there is no answer */
    const double reassuring_q = r < assures_below ? own_q : 0.0;
    const double admitting_q = r >= 0.5 ? row->belief[j] : reassuring_q;
    return (Cell){
        .context = c,
        .effective = larger(c - (c - r) * reassuring_q, r),
        .best = r + smaller(row->low[j], row->least) * (1.0 - own),
        .worst = 1.0 - (1.0 - larger(r, row->high[j])) * reassuring_q,
        .belief = hears_silence != 0.0 ? own_q : admitting_q,
        .found = r,
        .asked = own,
        .covers = own,
        .covers_or_reported = own,
    };
}

/* A cell that is more than that: a later line overrules an earlier one. */
PART Cell unusual(Cell cell, const Frame *frame, Row *row, ptrdiff_t j) {
    const ptrdiff_t i = row->i, n = place(row->some, j);
    const double c = cell.context, r = cell.found;
    const Flag out = row->ruled_out[j] & !row->reported[j];
    if (row->too_old[j] && row->answered[j] && !(row->risk[j] >= 0.5)) {
        cell.effective = larger(c, r), cell.best = smaller(row->low[j], row->least), cell.worst = 1.0;
        row->state[j] = EXPIRED, row->settled[j] = 0, cell.covers = 0.0, cell.belief = 0.0;
    }
    if (row->behind_gate[j] && !row->overruled[j]) {
        /* A gate ("no migrants here") is an answer with r = 0; it counts wherever it gives less than the indicator's own. */
        const double q = number(&frame->gate_belief, i, n);
        cell.effective = smaller(cell.effective, c - q * c), cell.best = smaller(cell.best, 0.0);
        cell.worst = smaller(cell.worst, 1.0 - q * (1.0 - row->high[j]));
        row->state[j] = ANSWERED, row->settled[j] = 1, cell.covers = 1.0, cell.belief = larger(cell.belief, q);
        cell.asked = 1.0;
        if (!row->harm[j]) cell.found = 0.0;
    }
    if (row->declined[j]) {
        cell.effective = 1.0, cell.best = row->least, cell.worst = 1.0;
        row->state[j] = DECLINED, row->settled[j] = 0, cell.covers = 0.0, cell.belief = 0.0, cell.asked = 1.0;
    }
    if (row->reported[j]) {
        /* A report raises, never replaces a higher value. */
        const double report = number(&frame->report, i, n), q = number(&frame->report_belief, i, n);
        cell.effective = larger(larger(report, c), cell.effective), cell.best = larger(report, cell.best), cell.worst = 1.0;
        row->state[j] = REPORTED, cell.belief = larger(cell.belief, q), cell.asked = 1.0;
        cell.found = larger(cell.found, report);
    }
    if (out) {
        /* Facts rule an indicator out whatever its answer says; only a report of harm speaks against the facts. */
        cell.effective = 0.0, cell.best = 0.0, cell.worst = 0.0, cell.found = 0.0, row->harm[j] = 0;
        row->state[j] = RULED_OUT, row->settled[j] = 1, cell.covers = 0.0, cell.belief = 0.0, cell.asked = 0.0;
    }
    cell.covers_or_reported = row->reported[j] ? 1.0 : cell.covers;
    return cell;
}

/* For each indicator behind a gate (indicators, BLOCK): where harm was found in any indicator of that gate. */
PART void find_overruled(const Frame *frame, const Model *model, const Some *some, Flag *overruled) {
    const ptrdiff_t count = some->count;
    memset(overruled, 0, (size_t)model->indicators * BLOCK);
    for (ptrdiff_t g = 0; g < model->gates; g++) {
        Flag harm[BLOCK] = {0};
        for (ptrdiff_t b = model->behind_from[g]; b < model->behind_from[g + 1]; b++) {
            double room[BLOCK];
            Flag flag_room[BLOCK];
            const double *risk = numbers(&frame->risk, model->behind[b], some, room);
            const Flag *reported = flags(&frame->reported, model->behind[b], some, flag_room);
            CELL_BY_CELL
            for (ptrdiff_t j = 0; j < count; j++) harm[j] |= (Flag)(risk[j] >= 0.5) | reported[j];
        }
        for (ptrdiff_t b = model->behind_from[g]; b < model->behind_from[g + 1]; b++) {
            Flag *of = overruled + model->behind[b] * BLOCK;
            for (ptrdiff_t j = 0; j < count; j++) of[j] |= harm[j];
        }
    }
}

/* frame.MOMENTS; the last two are no sums. */
enum { EE, EC, CC, E_COVERED, C_COVERED, LOWEST, HIGHEST, MOMENTS };
/* What is added up over the indicators, for a block of suppliers; after the first come the moments. */
enum { BASE, RAISED, BEST, WORST, PRACTICE, PRACTICE_OF, COVERED_ALONE, COVERED, BELIEVED, FIRST, SUMS = FIRST + MOMENTS };
typedef struct {
    _Alignas(64) double of[SUMS][BLOCK];
    Flag any_harm[BLOCK], core_declined[BLOCK], core_unsettled[BLOCK];
} Sums;

PART void add(double of[][BLOCK], Cell cell, double share, ptrdiff_t j) {
    const double points = 100.0 * share, asked = points * cell.asked;
    const double e = share * cell.effective, c = share * cell.context;
    of[BASE][j] += points * cell.context;
    of[RAISED][j] += (cell.effective - cell.context) * points;
    of[BEST][j] += points * cell.best;
    of[WORST][j] += points * cell.worst;
    of[PRACTICE][j] += asked * cell.effective;
    of[PRACTICE_OF][j] += asked;
    of[COVERED_ALONE][j] += share * cell.covers;
    of[COVERED][j] += share * cell.covers_or_reported;
    of[BELIEVED][j] += share * cell.belief;
    of[FIRST + EE][j] += e * cell.effective;
    of[FIRST + EC][j] += e * cell.context;
    of[FIRST + CC][j] += c * cell.context;
    of[FIRST + E_COVERED][j] += e * cell.covers;
    of[FIRST + C_COVERED][j] += c * cell.covers;
}

/*
 * The table of method section 3 for one indicator (score._tile), added to the sums. Every cell is worked out as answered or not
 * asked; the few that are more weigh nothing there, which leaves a sum as it is, and are added afterwards as what they are.
 */
PART void work_out(const Frame *frame, const Model *model, Row *row, void (*add)(double[][BLOCK], Cell, double, ptrdiff_t),
                   double sums[][BLOCK]) {
    const double share = model->share[row->i], assures_below = model->assures_below;
    const double hears_silence = model->hears_silence ? 1.0 : 0.0;
    double *effective = row->effective;
    tell_apart(model, row);
    CELL_BY_CELL
    for (ptrdiff_t j = 0; j < row->count; j++) {
        const Cell cell = in_range(usual(row, assures_below, hears_silence, j));
        effective[j] = cell.effective;
        row->found[j] = cell.found;
        add(sums, cell, share * row->plain[j], j);
    }
    for (ptrdiff_t f = 0; f < row->few; f++) {
        const ptrdiff_t j = row->at[f];
        const Cell cell = in_range(unusual(usual(row, assures_below, hears_silence, j), frame, row, j));
        effective[j] = cell.effective;
        row->found[j] = cell.found;
        add(sums, cell, share, j);
    }
}

PART void widen(const double *effective, ptrdiff_t count, double *lowest, double *highest) {
    CELL_BY_CELL
    for (ptrdiff_t j = 0; j < count; j++) {
        lowest[j] = smaller(lowest[j], effective[j]);
        highest[j] = larger(highest[j], effective[j]);
    }
}

/* Harm told, and what core questions say. A safeguard that is missing is a finding, not harm, unless somebody reports it. */
PART void mark_harm(const Row *row, Flag core, Flag safeguard, ptrdiff_t count, Sums *sums) {
    CELL_BY_CELL
    for (ptrdiff_t j = 0; j < count; j++) {
        sums->any_harm[j] |= row->harm[j] & ((safeguard ^ 1) | row->reported[j]);
        sums->core_declined[j] |= core & row->declined[j];
        sums->core_unsettled[j] |= core & (row->settled[j] ^ 1);
    }
}

enum { FOUND = 1, FOUND_OR_DECLINED = 2, BAD_AT_WORST = 4 };

/* Marks a sign of a floor, in three ways at once, where one of the indicators that tell of it says so. */
PART void mark(const Row *row, double from_risk, Flag by_report, ptrdiff_t count, Flag *sign) {
    CELL_BY_CELL
    for (ptrdiff_t j = 0; j < count; j++) {
        const Flag hit = (Flag)(row->found[j] >= from_risk) | (Flag)(row->reported[j] & by_report);
        const Flag unsure = row->harm[j] | row->declined[j] | (row->settled[j] ^ 1);
        sign[j] |= (Flag)(hit * FOUND | (hit | row->declined[j]) * FOUND_OR_DECLINED | (hit | unsure) * BAD_AT_WORST);
    }
}

/* The points at which floors hold a block of suppliers: its best case, the score, its worst case. */
typedef struct {
    double best[BLOCK], shown[BLOCK], worst[BLOCK];
} Floors;

PART void raise(const Flag *where, double at_least, ptrdiff_t count, double *points) {
    CELL_BY_CELL
    for (ptrdiff_t j = 0; j < count; j++) points[j] = larger(points[j], where[j] ? at_least : 0.0);
}

/* Which floors hold (floors.reached). */
PART void reach(const Frame *frame, const Model *model, const Sums *sums, const Flag *signs, const Some *some,
                const Scores *scores, Floors *floors) {
    const ptrdiff_t count = some->count;
    Flag room[BLOCK];
    const int8_t *cases = (const int8_t *)flags(&frame->case_, 0, some, room);
    memset(floors, 0, sizeof *floors);
    for (ptrdiff_t f = 0; f < model->floors; f++) {
        int16_t found[BLOCK] = {0}, silent[BLOCK] = {0}, at_worst[BLOCK] = {0};
        for (ptrdiff_t s = model->signs_from[f]; s < model->signs_from[f + 1]; s++) {
            const Flag *sign = signs + s * BLOCK;
            for (ptrdiff_t j = 0; j < count; j++) {
                found[j] += sign[j] & FOUND;
                silent[j] += (sign[j] & FOUND_OR_DECLINED) / FOUND_OR_DECLINED;
                at_worst[j] += (sign[j] & BAD_AT_WORST) / BAD_AT_WORST;
            }
        }
        const int16_t needed = (int16_t)model->needed[f];
        const int8_t from_case = (int8_t)model->from_case[f];
        const double at_least = model->at_least[f];
        int8_t *out = scores->floors + f * scores->apart + some->start;
        Flag by_fact[BLOCK], by_silence[BLOCK], by_worst[BLOCK];
        CELL_BY_CELL
        for (ptrdiff_t j = 0; j < count; j++) {
            by_fact[j] = found[j] >= needed;
            by_silence[j] = silent[j] >= needed;
            by_worst[j] = at_worst[j] >= needed;
        }
        if (from_case >= 0) {
            for (ptrdiff_t j = 0; j < count; j++) by_fact[j] = by_silence[j] = by_worst[j] = cases[j] >= from_case;
        } else if (model->declined_core[f]) {
            memset(by_fact, 0, sizeof by_fact);
            memcpy(by_silence, sums->core_declined, sizeof by_silence);
            memcpy(by_worst, sums->core_unsettled, sizeof by_worst);
        }
        CELL_BY_CELL
        for (ptrdiff_t j = 0; j < count; j++) {
            by_silence[j] |= by_fact[j];
            by_worst[j] |= by_silence[j];
            out[j] = (int8_t)(by_fact[j] + by_silence[j]);
        }
        raise(by_fact, at_least, count, floors->best);
        raise(by_silence, at_least, count, floors->shown);
        raise(by_worst, at_least, count, floors->worst);
    }
}

PART double rounded(double value, double decimals) { return rint(value * decimals) / decimals; }

/* The level of a number of points, read off 6 decimals, bounds inclusive. */
PART int8_t threshold(double points, const Model *model) {
    const double value = rounded(points, 1e6);
    int8_t level = LOW;
    for (int8_t above = MEDIUM; above <= CRITICAL; above++) level = value >= model->level_from[above - 1] ? above : level;
    return level;
}

/* The level in words, and where it was held at high because only declined answers made it critical (score._level). */
PART int8_t level_of(const Model *model, double total, double worst, double coverage_alone, int8_t inherent_level, Flag harm,
                     Flag core_declined, Flag core_settled, Flag place_known, Flag critical_by_silence, Flag *capped) {
    if (critical_by_silence && !harm && inherent_level > HIGH) inherent_level = HIGH;
    int8_t level = threshold(total, model);
    if (level == LOW && !(rounded(worst, 1e6) < WORST_OF_LOW && core_settled)) level = MEDIUM;
    *capped = level == CRITICAL && !harm && inherent_level < CRITICAL;
    if (*capped) level = HIGH;
    if (rounded(coverage_alone, 1e12) < model->insufficient_below || !place_known) {
        if (harm || core_declined) {
            if (level < inherent_level) level = inherent_level;
        } else {
            level = INSUFFICIENT, *capped = 0;
        }
    }
    return level;
}

/* Floors, range, levels: what is made once for each supplier (the end of score._score). */
PART void finish(const Frame *frame, const Model *model, const Sums *sums, const Floors *floors, const Some *some,
                 const Scores *scores) {
    double room[BLOCK];
    Flag rooms[3][BLOCK];
    const double *inherent_known = numbers(&frame->inherent_known, 0, some, room);
    const Flag *place_known = flags(&frame->place_known, 0, some, rooms[0]);
    const Flag *critical_by_silence = flags(&frame->critical_by_silence, 0, some, rooms[1]);
    const int8_t *cases = (const int8_t *)flags(&frame->case_, 0, some, rooms[2]);
    for (ptrdiff_t m = 0; m < MOMENTS; m++)
        memcpy(scores->moments + m * scores->apart + some->start, sums->of[FIRST + m], (size_t)some->count * sizeof(double));
    for (ptrdiff_t j = 0; j < some->count; j++) {
        const ptrdiff_t at = some->start + j;
        const double plain = sums->of[BASE][j] + sums->of[RAISED][j];
        const double total = larger(plain, floors->shown[j]);
        /* The sums and the total are added in different orders: the range gives way by the last bits, the score does not. */
        const double best = smaller(larger(sums->of[BEST][j], floors->best[j]), total);
        const double worst = larger(smaller(larger(sums->of[WORST][j], floors->worst[j]), 100.0), total);
        const Flag harm = sums->any_harm[j] | (cases[j] >= 1);
        const Flag core_declined = sums->core_declined[j], core_settled = !sums->core_unsettled[j];
        const int8_t inherent_level = threshold(sums->of[BASE][j], model);
        scores->base[at] = sums->of[BASE][j];
        scores->total[at] = total;
        scores->uplift[at] = total - plain;
        scores->best[at] = best;
        scores->worst[at] = worst;
        scores->floor[at] = floors->shown[j];
        scores->floor_worst[at] = floors->worst[j];
        scores->harm[at] = harm;
        scores->core_declined[at] = core_declined;
        scores->core_settled[at] = core_settled;
        scores->practice[at] = sums->of[PRACTICE][j];
        scores->practice_of[at] = sums->of[PRACTICE_OF][j];
        scores->asked[at] = sums->of[PRACTICE_OF][j] > 0;
        scores->coverage[at] = smaller(sums->of[COVERED][j], 1.0);
        scores->coverage_alone[at] = sums->of[COVERED_ALONE][j];
        scores->confidence[at] = 100.0 * (0.3 * inherent_known[j] + 0.7 * sums->of[BELIEVED][j]);
        scores->inherent_level[at] = inherent_level;
        scores->level[at] = level_of(model, total, worst, sums->of[COVERED_ALONE][j], inherent_level, harm, core_declined,
                                     core_settled, place_known[j], critical_by_silence[j], &scores->capped[at]);
    }
}

/* Writes the scores of the suppliers of a frame from one to another, and their cells into columns from 0. Returns 0, or 1 where
 * there is no memory to work in. */
FOR_EACH_MACHINE
int diligence_score(const Frame *frame, const Model *model, const Scores *scores, const Cells *cells, ptrdiff_t from,
                    ptrdiff_t to) {
    const ptrdiff_t k = model->indicators, signs_in_all = model->signs_from[model->floors];
    Flag *overruled = malloc((size_t)(k + signs_in_all + 1) * BLOCK);
    if (!overruled) return 1;
    Flag *signs = overruled + k * BLOCK;
    for (ptrdiff_t start = from; start < to; start += BLOCK) {
        const Some some = {start, to - start < BLOCK ? to - start : BLOCK, NULL};
        Sums sums;
        Floors floors;
        Row row;
        memset(&sums, 0, sizeof sums);
        for (ptrdiff_t j = 0; j < BLOCK; j++) sums.of[FIRST + LOWEST][j] = 1.0;
        memset(signs, 0, (size_t)signs_in_all * BLOCK);
        find_overruled(frame, model, &some, overruled);
        for (ptrdiff_t i = 0; i < k; i++) {
            const ptrdiff_t at = i * cells->apart + start - from;
            row.state = cells->state + at, row.effective = cells->effective + at, row.harm = cells->harms + at;
            look(frame, i, &some, overruled + i * BLOCK, &row);
            work_out(frame, model, &row, add, sums.of);
            widen(row.effective, some.count, sums.of[FIRST + LOWEST], sums.of[FIRST + HIGHEST]);
            mark_harm(&row, model->core[i], model->safeguard[i], some.count, &sums);
            for (ptrdiff_t m = model->read_from[i]; m < model->read_from[i + 1]; m++)
                mark(&row, model->from_risk[m], model->by_report[m], some.count, signs + model->sign[m] * BLOCK);
        }
        reach(frame, model, &sums, signs, &some, scores, &floors);
        finish(frame, model, &sums, &floors, &some, scores);
    }
    free(overruled);
    return 0;
}

/* ---- How steady a level is (steadiness.py) ---- */

static const double CERTAIN = 8.0, OPEN = 3.5, HALF_OF_6_DECIMALS = 5e-7, PI = 3.14159265358979323846;

/* The weighted means that decide on a level. */
enum { OF_SCORE, OF_WORST, OF_INHERENT, OF_COVERAGE, MEANS };

/* What steadiness reads of frame.Scores, in the order of kernel.py. */
typedef struct {
    Array base, uplift, total, harm, floor, floor_worst, core_declined, core_settled, coverage_alone, moments;
} Shown;

/* Gauss-Legendre on 0..1: node, weight, node, ... */
enum { PAIR = 8, TRIPLE = 18 };
typedef struct {
    double concentration;
    double pair[2 * PAIR], triple[2 * TRIPLE];
} Spread;

/* What is added up besides of the few whose level hangs on their worst case: for that, their cells are worked out again. */
enum { W, WW, EW, W_COVERED, OF_WORSTS };

PART void add_worst(double of[][BLOCK], Cell cell, double share, ptrdiff_t j) {
    const double worst = share * cell.worst;
    of[W][j] += worst;
    of[WW][j] += worst * cell.worst;
    of[EW][j] += share * cell.effective * cell.worst;
    of[W_COVERED][j] += worst * cell.covers;
}

/* One supplier's weighted means, and how far each hangs together with the others. */
typedef struct {
    double mean[MEANS], spread[MEANS], lowest[MEANS], highest[MEANS], r[MEANS][MEANS];
} Means;

static double clipped(double value, double low, double high) { return smaller(larger(value, low), high); }

/* The normal deviate of the chance that a weighted mean stays below a bound (steadiness._distance). */
static double distance(const Means *means, int which, double bound) {
    const double mean = means->mean[which], spread = means->spread[which];
    const double lowest = means->lowest[which], highest = means->highest[which];
    if (!(fabs(bound - mean) < CERTAIN * spread && lowest < bound && bound < highest)) return mean < bound ? CERTAIN : -CERTAIN;
    const double width = highest - lowest;
    const double m = (mean - lowest) / width, x = (bound - lowest) / width;
    const double size = m * (1.0 - m) * (width / spread) * (width / spread) - 1.0;
    const double above = (1.0 - m) * size - 0.5, under = m * size - 0.5;
    const double n = size - 1.0, y = 1.0 - x;
    const double d = above + 1.0 / 6 - (n + 1.0 / 3) * y +
                     0.02 * (x / (above + 0.5) - y / (under + 0.5) + (x - 0.5) / (n + 1.0));
    const double off = above - n * y;
    const double a = off / (n * y), b = -off / (n * x);
    const double exponent = n * (y * ((1.0 + a) * log1p(a) - a) + x * ((1.0 + b) * log1p(b) - b));
    const double slope =
        fabs(off) < 1e-8 * n ? 1.0 / sqrt(n * x * y) : sqrt(2.0 * larger(exponent, 0.0)) / fabs(off);
    return clipped(d * slope / sqrt(1.0 + 1.0 / (6.0 * n)), -CERTAIN, CERTAIN);
}

/* The normal distribution function, to 1e-7 (Abramowitz and Stegun 26.2.17). */
static double normal(double z) {
    if (fabs(z) >= CERTAIN) return z > 0 ? 1.0 : 0.0;
    const double t = 1.0 / (1.0 + 0.2316419 * fabs(z));
    const double poly = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
    const double tail = poly * exp(-0.5 * z * z) / sqrt(2.0 * PI);
    return z > 0 ? 1.0 - tail : tail;
}

/* The bivariate normal distribution function (Drezner and Wesolowsky 1990). */
static double both(double h, double k, double rho, const Spread *by) {
    const double angle = asin(rho);
    double total = 0.0;
    for (int p = 0; p < PAIR; p++) {
        const double sine = sin(angle * by->pair[2 * p]);
        total += by->pair[2 * p + 1] * exp((h * k * sine - 0.5 * (h * h + k * k)) / (1.0 - sine * sine));
    }
    return clipped(normal(h) * normal(k) + angle * total / (2.0 * PI), 0.0, 1.0);
}

/* The trivariate one: the bivariate, given the first, over all that the first may be. */
static double three(const double h[3], double rho01, double rho02, double rho12, const Spread *by) {
    const double lowest = -4.5; /* what lies below is a few in a million */
    const double width = h[0] - lowest;
    const double first = sqrt(1.0 - rho01 * rho01), second = sqrt(1.0 - rho02 * rho02);
    const double left = clipped((rho12 - rho01 * rho02) / (first * second), -0.999, 0.999);
    double total = 0.0;
    for (int p = 0; p < TRIPLE; p++) {
        const double z = lowest + width * by->triple[2 * p];
        const double density = exp(-0.5 * z * z) / sqrt(2.0 * PI);
        total += by->triple[2 * p + 1] * density * both((h[1] - rho01 * z) / first, (h[2] - rho02 * z) / second, left, by);
    }
    return clipped(total * width, 0.0, 1.0);
}

/* A normal deviate, the weighted mean it speaks of, and its side: 1 below the bound, -1 not below. */
typedef struct {
    double z;
    int which;
    double sign;
} Event;

/* The chance that up to three events all happen. */
static double all_of(const Event *events, int count, const Means *means, const Spread *by) {
    double chance = 1.0, z[3];
    int open[3], number = 0;
    for (int a = 0; a < count; a++) {
        z[a] = events[a].sign * events[a].z;
        if (fabs(z[a]) < OPEN) open[number++] = a;
        chance *= normal(z[a]);
    }
    for (int a = 0; a < count; a++)
        if (!(z[a] > -OPEN)) return chance;
#define TOGETHER(a, b) (events[a].sign * events[b].sign * means->r[events[a].which][events[b].which])
    if (number == 2) return both(z[open[0]], z[open[1]], TOGETHER(open[0], open[1]), by);
    if (number == 3) return three(z, TOGETHER(0, 1), TOGETHER(0, 2), TOGETHER(1, 2), by);
#undef TOGETHER
    return chance;
}
#define ALL_OF(...) \
    all_of((const Event[]){__VA_ARGS__}, sizeof((const Event[]){__VA_ARGS__}) / sizeof(Event), means, by)

static double spread_of(double mean, double square, const Spread *by) {
    return sqrt(larger(square - mean * mean, 0.0) / (by->concentration + 1.0));
}

PART void join(Means *means, int a, int b, double product, const Spread *by) {
    const double apart = larger(means->spread[a] * means->spread[b], 1e-12) * (by->concentration + 1.0);
    means->r[a][b] = means->r[b][a] = clipped((product - means->mean[a] * means->mean[b]) / apart, -0.999, 0.999);
}

/* The weighted means of supplier j, of its score without floors, its inherent risk and its moments; the worst case, which is
 * seldom asked for, stands at its worst. */
static Means means_of(double score, double inherent, double coverage, const double *moments[MOMENTS], ptrdiff_t j,
                      const Spread *by) {
    Means means = {.mean = {score, 1.0, inherent, coverage},
                   .lowest = {moments[LOWEST][j], 0.0, 0.0, 0.0},
                   .highest = {moments[HIGHEST][j], 1.0, 1.0, 1.0}};
    means.spread[OF_SCORE] = spread_of(score, moments[EE][j], by);
    means.spread[OF_INHERENT] = spread_of(inherent, moments[CC][j], by);
    means.spread[OF_COVERAGE] = spread_of(coverage, coverage, by);
    join(&means, OF_SCORE, OF_INHERENT, moments[EC][j], by);
    join(&means, OF_SCORE, OF_COVERAGE, moments[E_COVERED][j], by);
    join(&means, OF_INHERENT, OF_COVERAGE, moments[C_COVERED][j], by);
    return means;
}

/* How far each bound is from being crossed, in standard deviations: positive where the mean stays below it. */
typedef struct {
    double below[3], usual_below[3], bounded, uncovered;
    Flag may_be_low;
} Bounds;

static Bounds bounds_of(const Model *model, const Means *means, Flag place_known, Flag critical_by_silence, Flag harm,
                        double floor, double floor_worst, Flag core_settled) {
    Bounds bounds = {.bounded = -CERTAIN};
    for (int l = 0; l < 3; l++) {
        const double bound = model->level_from[l] / 100.0 - HALF_OF_6_DECIMALS / 100.0;
        bounds.below[l] = floor >= model->level_from[l] ? -CERTAIN : distance(means, OF_SCORE, bound);
        bounds.usual_below[l] = distance(means, OF_INHERENT, bound);
    }
    /* What weights do not change: floors, what is settled, where the supplier is. */
    if (critical_by_silence && !harm) bounds.usual_below[2] = CERTAIN;
    bounds.uncovered = place_known ? distance(means, OF_COVERAGE, model->insufficient_below) : CERTAIN;
    bounds.may_be_low = bounds.below[0] > -OPEN && floor_worst < WORST_OF_LOW && core_settled;
    return bounds;
}

/* Fills in the worst case of supplier j. That and the inherent risk never meet in one rule. */
static void meet_worst(double of[][BLOCK], ptrdiff_t j, const Spread *by, Bounds *bounds, Means *means) {
    means->mean[OF_WORST] = of[W][j];
    means->spread[OF_WORST] = spread_of(of[W][j], of[WW][j], by);
    bounds->bounded = distance(means, OF_WORST, (WORST_OF_LOW - HALF_OF_6_DECIMALS) / 100.0);
    join(means, OF_SCORE, OF_WORST, of[EW][j], by);
    join(means, OF_WORST, OF_COVERAGE, of[W_COVERED][j], by);
}

/* How likely each level is for one supplier (steadiness._likely). */
static void likely_of(const Means *means, const Bounds *bounds, Flag harm, Flag core_declined, const Spread *by,
                      double likely[LEVELS + 1]) {
    const double *below = bounds->below, *usual_below = bounds->usual_below;
    const double bounded = bounds->bounded, uncovered = bounds->uncovered;
    /* The chance of each level or a lower one, without and with the rule on evidence. */
    const Event enough = {uncovered, OF_COVERAGE, -1.0}, too_little = {uncovered, OF_COVERAGE, 1.0};
    const Event below_medium = {below[0], OF_SCORE, 1.0}, below_high = {below[1], OF_SCORE, 1.0};
    const Event below_critical = {below[2], OF_SCORE, 1.0};
    double at_most[LEVELS];
    const double answered = ALL_OF(enough);
    at_most[0] = ALL_OF(below_medium, {bounded, OF_WORST, 1.0}, enough);
    at_most[1] = ALL_OF(below_high, enough);
    at_most[2] = harm ? ALL_OF(below_critical, enough)
                      : answered - ALL_OF({below[2], OF_SCORE, -1.0}, {usual_below[2], OF_INHERENT, -1.0}, enough);
    at_most[3] = answered;
    /* Short of evidence, harm and a declined core question show a level that is not below that of the inherent risk. */
    const Flag lifted = harm | core_declined;
    if (lifted) {
        const double lowest = smaller(bounded, below[0]);
        at_most[0] += ALL_OF({lowest, OF_SCORE, 1.0}, {usual_below[0], OF_INHERENT, 1.0}, too_little);
        at_most[1] += ALL_OF(below_high, {usual_below[1], OF_INHERENT, 1.0}, too_little);
        at_most[2] += harm ? ALL_OF(below_critical, {usual_below[2], OF_INHERENT, 1.0}, too_little)
                           : ALL_OF({usual_below[2], OF_INHERENT, 1.0}, too_little);
        at_most[3] += ALL_OF(too_little);
    }
    double so_far = 0.0, total = 0.0;
    for (int level = 0; level < LEVELS; level++) {
        const double reached = larger(so_far, clipped(at_most[level], 0.0, 1.0));
        likely[level] = reached - so_far;
        so_far = reached;
    }
    likely[INSUFFICIENT] = lifted ? 0.0 : 1.0 - so_far;
    for (int level = 0; level <= LEVELS; level++) total += likely[level];
    for (int level = 0; level <= LEVELS; level++) likely[level] /= total;
}

/* Writes how likely each level is for n suppliers (LEVELS + 1, n). Returns 0, or 1 where there is no memory to work in. */
FOR_EACH_MACHINE
int diligence_likely_levels(const Frame *frame, const Model *model, const Shown *shown, const Spread *by, double *likely,
                            ptrdiff_t n) {
    const ptrdiff_t k = model->indicators;
    Flag *overruled = malloc((size_t)(k + 1) * BLOCK);
    if (!overruled) return 1;
    for (ptrdiff_t start = 0; start < n; start += BLOCK) {
        const Some block = {start, n - start < BLOCK ? n - start : BLOCK, NULL};
        double rooms[6 + MOMENTS][BLOCK];
        Flag flag_rooms[5][BLOCK];
        const Flag *place_known = flags(&frame->place_known, 0, &block, flag_rooms[0]);
        const Flag *critical_by_silence = flags(&frame->critical_by_silence, 0, &block, flag_rooms[1]);
        const Flag *harm = flags(&shown->harm, 0, &block, flag_rooms[2]);
        const Flag *core_declined = flags(&shown->core_declined, 0, &block, flag_rooms[3]);
        const Flag *core_settled = flags(&shown->core_settled, 0, &block, flag_rooms[4]);
        const double *base = numbers(&shown->base, 0, &block, rooms[0]);
        const double *uplift = numbers(&shown->uplift, 0, &block, rooms[1]);
        const double *total = numbers(&shown->total, 0, &block, rooms[2]);
        const double *floor = numbers(&shown->floor, 0, &block, rooms[3]);
        const double *floor_worst = numbers(&shown->floor_worst, 0, &block, rooms[4]);
        const double *coverage_alone = numbers(&shown->coverage_alone, 0, &block, rooms[5]);
        const double *moments[MOMENTS];
        for (int m = 0; m < MOMENTS; m++) moments[m] = numbers(&shown->moments, m, &block, rooms[6 + m]);
        Means means[BLOCK];
        Bounds bounds[BLOCK];
        ptrdiff_t few[BLOCK];
        Some closer = {start, 0, few}; /* those whose worst case decides */
        for (ptrdiff_t j = 0; j < block.count; j++) {
            means[j] = means_of((total[j] - uplift[j]) / 100.0, base[j] / 100.0, coverage_alone[j], moments, j, by);
            bounds[j] = bounds_of(model, &means[j], place_known[j], critical_by_silence[j], harm[j], floor[j], floor_worst[j],
                                  core_settled[j]);
            if (bounds[j].may_be_low) few[closer.count++] = j;
        }
        if (closer.count) {
            _Alignas(64) double worsts[OF_WORSTS][BLOCK];
            Row row;
            int8_t state[BLOCK];
            double effective[BLOCK];
            Flag harms[BLOCK];
            row.state = state, row.effective = effective, row.harm = harms;
            memset(worsts, 0, sizeof worsts);
            find_overruled(frame, model, &closer, overruled);
            for (ptrdiff_t i = 0; i < k; i++) {
                look(frame, i, &closer, overruled + i * BLOCK, &row);
                work_out(frame, model, &row, add_worst, worsts);
            }
            for (ptrdiff_t f = 0; f < closer.count; f++) meet_worst(worsts, f, by, &bounds[few[f]], &means[few[f]]);
        }
        for (ptrdiff_t j = 0; j < block.count; j++) {
            double of[LEVELS + 1];
            likely_of(&means[j], &bounds[j], harm[j], core_declined[j], by, of);
            for (int level = 0; level <= LEVELS; level++) likely[level * n + start + j] = of[level];
        }
    }
    free(overruled);
    return 0;
}
