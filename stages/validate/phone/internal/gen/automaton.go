package main

import (
	"encoding/binary"
	"fmt"
	"regexp/syntax"
	"slices"
)

// pattern is a regular expression over digits as a set-of-states machine.
type pattern struct{ prog *syntax.Prog }

func compile(expr string) (pattern, error) {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return pattern{}, fmt.Errorf("parse %q: %w", expr, err)
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return pattern{}, fmt.Errorf("compile %q: %w", expr, err)
	}
	return pattern{prog}, nil
}

// states is a sorted set of program counters; empty is dead.
type states []uint32

func (p pattern) start() states {
	return p.closure([]uint32{uint32(p.prog.Start)})
}

func (p pattern) closure(todo []uint32) states {
	seen := map[uint32]bool{}
	var out states
	for len(todo) > 0 {
		pc := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[pc] {
			continue
		}
		seen[pc] = true
		switch in := p.prog.Inst[pc]; in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			todo = append(todo, in.Out, in.Arg)
		case syntax.InstCapture, syntax.InstNop:
			todo = append(todo, in.Out)
		case syntax.InstFail:
		case syntax.InstEmptyWidth:
			panic("the metadata holds no anchors")
		default:
			out = append(out, pc)
		}
	}
	slices.Sort(out)
	return out
}

func (p pattern) step(s states, digit rune) states {
	if len(s) == 0 {
		return nil
	}
	var next []uint32
	for _, pc := range s {
		if in := p.prog.Inst[pc]; in.Op != syntax.InstMatch && in.MatchRune(digit) {
			next = append(next, in.Out)
		}
	}
	return p.closure(next)
}

func (p pattern) matched(s states) bool {
	return slices.ContainsFunc(s, func(pc uint32) bool { return p.prog.Inst[pc].Op == syntax.InstMatch })
}

// node is a state of the automaton: the region a number ends in here (0 for none) and where each digit leads.
// Node 0 is dead. Nodes are hash-consed, children first, so the automaton is minimal and acyclic.
type node struct {
	region uint8
	next   [10]uint16
}

type automaton struct {
	nodes []node
	index map[node]uint16
}

func newAutomaton() *automaton {
	return &automaton{nodes: []node{{}}, index: map[node]uint16{{}: 0}}
}

func (a *automaton) intern(n node) uint16 {
	if id, ok := a.index[n]; ok {
		return id
	}
	if len(a.nodes) > 0xffff {
		panic("the table needs wider state numbers")
	}
	id := uint16(len(a.nodes))
	a.nodes = append(a.nodes, n)
	a.index[n] = id
	return id
}

// walk gives the state after depth digits of one calling code's national numbers.
type walk struct {
	automaton *automaton
	plan      callingCode
	memo      map[string]uint16
}

func (w *walk) build(at []states, depth int) uint16 {
	key := keyOf(at, depth)
	if id, ok := w.memo[key]; ok {
		return id
	}
	n := node{region: w.plan.region(at, depth)}
	if depth < w.plan.digits {
		for d := range 10 {
			if next, alive := w.plan.step(at, rune('0'+d)); alive {
				n.next[d] = w.build(next, depth+1)
			}
		}
	}
	id := w.automaton.intern(n)
	w.memo[key] = id
	return id
}

func keyOf(at []states, depth int) string {
	key := []byte{byte(depth)}
	for _, s := range at {
		key = binary.LittleEndian.AppendUint32(key, uint32(len(s)))
		for _, pc := range s {
			key = binary.LittleEndian.AppendUint32(key, pc)
		}
	}
	return string(key)
}
