package schemas

// Node is one node of a tree of keys: everything below it can be derived from it.
type Node struct {
	Depth  int32  `avro:"depth"`  // 0 is the root
	Prefix []byte `avro:"prefix"` // the path from the root, Depth bits, padded with zero bits to whole bytes
	Node   []byte `avro:"node"`   // 16 bytes
}

// NodeList is the plaintext of Seed.Wrapped: the one root of a fresh tree, or what is left of a punctured one.
type NodeList struct {
	Nodes []Node `avro:"nodes"`
}
