package deliver

// keptChunk is how many values are allocated together.
const keptChunk = 1024

// kept is a map of what is kept of many messages. The map itself holds only where a value lies: Go's maps are as little as
// half full, and values are several times as large as places.
type kept[T any] struct {
	places map[key]uint32
	chunks [][]T
	free   []uint32
}

func newKept[T any]() kept[T] { return kept[T]{places: make(map[key]uint32)} }

func (s *kept[T]) len() int { return len(s.places) }

func (s *kept[T]) get(k key) (v T, ok bool) {
	at, ok := s.places[k]
	if ok {
		v = s.chunks[at/keptChunk][at%keptChunk]
	}
	return v, ok
}

// put keeps v under k; there must be none yet.
func (s *kept[T]) put(k key, v T) {
	at := uint32(len(s.places))
	if n := len(s.free); n > 0 {
		at, s.free = s.free[n-1], s.free[:n-1]
	} else if at == uint32(len(s.chunks)*keptChunk) {
		s.chunks = append(s.chunks, make([]T, keptChunk))
	}
	s.places[k] = at
	s.chunks[at/keptChunk][at%keptChunk] = v
}

// drop forgets what k has, if anything.
func (s *kept[T]) drop(k key) {
	if at, ok := s.places[k]; ok {
		delete(s.places, k)
		s.free = append(s.free, at)
	}
}
