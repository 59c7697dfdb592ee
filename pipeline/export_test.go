package pipeline

// The order of effects of a Batch, for the crash test's mutants: indexes into outputs (0), dead letters (1), commit (2).
func (b *Batch[In, Out]) ReorderEffects(order [3]int) {
	b.reorder = func(effects []effect[In, Out]) {
		original := [3]effect[In, Out]{effects[0], effects[1], effects[2]}
		for i, from := range order {
			effects[i] = original[from]
		}
	}
}

// Bounds of a Keyed loop.
const (
	AtOnce      = atOnce
	ArrivalSize = arrivalSize
)

// Tracker gives tests the tracker of unfinished offsets.
type Tracker = tracker

func (t *Tracker) Arrived(r Record)         { t.arrived(r, r.AppendedAt) }
func (t *Tracker) Finish(offset int64) bool { _, ok := t.finish(offset); return ok }
func (t *Tracker) Lowest() int64            { low, _ := t.lowest(); return low }
