package kafkatest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

// Ports that are given away lie below those that systems use for outgoing connections (Linux from 32768, IANA from 49152):
// one of those may be taken between its being found and its use, or while a process that had it is down.
const lowestPort, highestPort = 15000, 32000

var givenPorts sync.Map

// FreePort returns a loopback port that nobody listens on now and that this process was not given before.
func FreePort() (int, error) {
	for range 1000 {
		port := lowestPort + rand.IntN(highestPort-lowestPort)
		if _, given := givenPorts.LoadOrStore(port, true); given {
			continue
		}
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("no free port")
}
