package seal

// Held returns the ids of the seeds that an Opener has in memory, wrapped or opened.
func (o *Opener) Held() (ids []string) {
	o.seeds.mu.Lock()
	defer o.seeds.mu.Unlock()
	for key := range o.seeds.entries {
		ids = append(ids, string(key.id[:]))
	}
	for e := o.seeds.opened.Front(); e != nil; e = e.Next() {
		s := e.Value.(*seed)
		ids = append(ids, string(s.id[:]))
	}
	return ids
}

// Held returns the ids of the seeds that a Sealer has in memory.
func (s *Sealer) Held() (ids []string) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, a := range s.current {
		ids = append(ids, string(a.seed.id[:]))
	}
	return ids
}
