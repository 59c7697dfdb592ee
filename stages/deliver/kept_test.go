package deliver

import (
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"testing"
)

func TestKeptIsAMap(t *testing.T) {
	// Goal: what was put is there until it is dropped, and places are used again. Method: random operations beside a map, on
	// keys that crowd at few slots; then all are met on one round.
	var s kept[int]
	model := map[key]int{}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 200_000 {
		var k key
		binary.LittleEndian.PutUint64(k[5:], 1+random.Uint64N(5000))
		binary.LittleEndian.PutUint32(k[1:], uint32(k[5]%3)-2) // the last two slots and the first
		if want, there := model[k]; there {
			if v, ok := s.get(k); !ok || v != want {
				t.Fatalf("step %d: %d, %v; want %d", i, v, ok, want)
			}
			s.drop(k)
			delete(model, k)
		} else {
			if _, ok := s.get(k); ok {
				t.Fatalf("step %d: there is what was dropped", i)
			}
			s.drop(k)
			s.put(k, i)
			model[k] = i
		}
		if s.len() != len(model) {
			t.Fatalf("step %d: %d, want %d", i, s.len(), len(model))
		}
	}
	met := map[key]int{}
	for range len(s.chunks) * keptChunk {
		if k, v, ok := s.next(); ok {
			met[k] = v
		}
	}
	if !maps.Equal(met, model) {
		t.Errorf("%d of %d are met on a round", len(met), len(model))
	}
	if most := 5000/keptChunk + 1; len(s.chunks) > most {
		t.Errorf("%d chunks for 5,000 values, want %d at most", len(s.chunks), most)
	}
}
