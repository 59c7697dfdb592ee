// Package seal makes content unreadable on time: it seals, opens, and lets the broker's retention destroy the keys.
//
// Its invariant: nothing is sealed under a seed before the key topic has acknowledged it, nor longer than one bucket
// after, and no seed, opened or wrapped, stays here past its append time + window + one bucket, whatever is done to the
// clock of the machine; what is let go of is overwritten. So what a key topic no longer holds, nobody can open.
//
// # The tree of keys, frozen
//
// A seed is a tree of halving keys (Goldreich, Goldwasser, Micali) with nodes of 128 bits. Write H for SHA-256, E(k, x)
// for AES-128 of block x under key k, and K(s) for the first 16 bytes of H("whatsapplink seal v1 " + s):
//
//	child(x, 0)  = E(K("left"), x) xor x
//	child(x, 1)  = E(K("right"), x) xor x
//	path         = first 64 bits of H(tenant id), then first 40 bits of H(message id); most significant bit first
//	leaf         = the root's child along the 104 bits of path
//	message key  = (E(K("key 0"), leaf) xor leaf) || (E(K("key 1"), leaf) xor leaf), 32 bytes, for AES-256-GCM
//
// A tenant is the subtree at depth 64, a message a leaf. Puncturing replaces a node by the siblings of the path below
// it; the punctured key can then not be derived from what is left. Two ids whose hashes agree in those bits share a key,
// which is safe (nonces are random) and is erased together.
//
// # Sealed, version 1, frozen
//
// AES-256-GCM with a random 12-byte nonce. Additional data: one byte 1, then tenant id, message id and purpose, each
// after its length as 4 bytes big-endian.
//
// # Refs, frozen
//
// HMAC-SHA-256 under the tenant's 32-byte key of kind and value, each after its length as 4 bytes big-endian; the first
// 16 bytes.
//
// It imports schemas, pipeline, gocloud.dev/secrets, x/sync and the standard library; no Kafka client.
package seal
