package deliver

import "encoding/binary"

const (
	keptChunk  = 1024 // values that are allocated together
	keptStride = 32   // free places that next passes over at most
	keptShards = 256  // of the index, each of which grows by itself: no step waits for all to be moved
)

// kept is a map of what is kept of many messages, in half the memory of Go's: the index holds only where a value lies. It has
// no pointers for the collector to follow. Keys are hashes already.
type kept[T any] struct {
	index  [keptShards][]uint32 // places + 1, at the first free slot from the key's own on; 0 is free
	sizes  [keptShards]int
	chunks [][]slot[T]
	free   []uint32
	hand   uint32 // of next
}

type slot[T any] struct {
	key   key // zero: free
	value T
}

func (s *kept[T]) at(place uint32) *slot[T] { return &s.chunks[place/keptChunk][place%keptChunk] }

func (s *kept[T]) len() int { return len(s.chunks)*keptChunk - len(s.free) }

// home is the slot of a shard that a key belongs to.
func home(k key, shard []uint32) int {
	return int(binary.LittleEndian.Uint32(k[1:])) & (len(shard) - 1)
}

// find returns the slot of a key in its shard, or the free one where it would be.
func (s *kept[T]) find(k key) (slot int, there bool) {
	shard := s.index[k[0]]
	if len(shard) == 0 {
		return 0, false
	}
	for i := home(k, shard); ; i = (i + 1) & (len(shard) - 1) {
		if shard[i] == 0 || s.at(shard[i]-1).key == k {
			return i, shard[i] != 0
		}
	}
}

func (s *kept[T]) get(k key) (v T, ok bool) {
	i, there := s.find(k)
	if there {
		v = s.at(s.index[k[0]][i] - 1).value
	}
	return v, there
}

// put keeps v under k; there must be none yet.
func (s *kept[T]) put(k key, v T) {
	if len(s.free) == 0 {
		first := uint32(len(s.chunks) * keptChunk)
		s.chunks = append(s.chunks, make([]slot[T], keptChunk))
		for i := range uint32(keptChunk) {
			s.free = append(s.free, first+keptChunk-1-i)
		}
	}
	place := s.free[len(s.free)-1]
	s.free = s.free[:len(s.free)-1]
	*s.at(place) = slot[T]{k, v}
	if s.sizes[k[0]]++; s.sizes[k[0]] > len(s.index[k[0]])*4/5 {
		s.grow(k[0])
	}
	i, _ := s.find(k)
	s.index[k[0]][i] = place + 1
}

func (s *kept[T]) grow(n byte) {
	old := s.index[n]
	s.index[n] = make([]uint32, max(8, 2*len(old)))
	for _, p := range old {
		if p != 0 {
			i, _ := s.find(s.at(p - 1).key)
			s.index[n][i] = p
		}
	}
}

// drop forgets what k has, if anything.
func (s *kept[T]) drop(k key) {
	i, there := s.find(k)
	if !there {
		return
	}
	shard := s.index[k[0]]
	place := shard[i] - 1
	// Those that follow move up if their own slot is not after the hole: a search ends at a free slot.
	for j, last := i, len(shard)-1; ; {
		shard[i] = 0
		for j = (j + 1) & last; shard[j] != 0; j = (j + 1) & last {
			if own := home(s.at(shard[j]-1).key, shard); (j-own)&last >= (j-i)&last {
				break
			}
		}
		if shard[j] == 0 {
			break
		}
		shard[i], i = shard[j], j
	}
	s.sizes[k[0]]--
	*s.at(place) = slot[T]{}
	s.free = append(s.free, place)
}

// next returns one after the other, for ever; none where many places in a row are free.
func (s *kept[T]) next() (k key, v T, ok bool) {
	places := len(s.chunks) * keptChunk
	for range min(places, keptStride) {
		s.hand = (s.hand + 1) % uint32(places)
		if e := s.at(s.hand); e.key != (key{}) {
			return e.key, e.value, true
		}
	}
	return k, v, false
}
