// Package deployment runs the built binaries as processes of their own on this machine, against a real broker and the
// real engine: for the tests of separate processes and for measurements.
//
// Its one invariant: what it starts it ends, by process id. It knows the binaries by their names, variables and HTTP
// endpoints only, and imports of ours just the form of the simulator's ledger.
package deployment

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is one running binary.
type Process struct {
	Name string
	Log  string // path of what it wrote to standard output and error
	HTTP string // address of its metrics and health
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// start starts a binary with just these variables.
func start(dir, binary, name string, variables map[string]string, args ...string) (*Process, error) {
	log, err := os.Create(filepath.Join(dir, name+".log"))
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	defer func() { _ = log.Close() }()
	p := &Process{Name: name, Log: log.Name(), HTTP: variables["WL_HTTP"], cmd: exec.Command(binary, args...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.Env, p.cmd.Dir = environment(variables), dir
	p.cmd.SysProcAttr = dieWithParent()
	started := make(chan error, 1)
	go func() {
		// The kernel ends the child with the thread that started it, so that thread has to stay.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // how it ended is in ProcessState
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

func environment(variables map[string]string) []string {
	all := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	for k, v := range variables {
		all = append(all, k+"="+v)
	}
	return all
}

// Ready waits until the process says that it is ready.
func (p *Process) Ready(ctx context.Context) error {
	for {
		if p.get(ctx, "/readyz") == http.StatusOK {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended before it was ready; its log ends:\n%s", p.Name, p.Tail(5))
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w; its log ends:\n%s", p.Name, ctx.Err(), p.Tail(5))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// get returns the status of the answer, 0 for none.
func (p *Process) get(ctx context.Context, path string) int {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.HTTP+path, nil)
	if err != nil {
		return 0
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

// stopWithin is how long a process may drain, a little over what it promises.
const stopWithin = 40 * time.Second

// Stop asks the process to stop and returns its exit code, -1 where it had to be killed or had been.
func (p *Process) Stop() int {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // an error says that it has ended
	select {
	case <-p.done:
	case <-time.After(stopWithin):
		p.Kill()
	}
	return p.cmd.ProcessState.ExitCode()
}

// Kill ends the process at once, as a power cut would.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // an error says that it has ended
	<-p.done
}

// Abort ends the process as a fatal error of its runtime would, and with a core where those are on.
func (p *Process) Abort() {
	_ = p.cmd.Process.Signal(syscall.SIGABRT) // an error says that it has ended
	<-p.done
}

// Pause stops the process in mid-work, as a long stall of its machine would.
func (p *Process) Pause() error { return p.cmd.Process.Signal(syscall.SIGSTOP) }

// Resume lets a paused process go on.
func (p *Process) Resume() error { return p.cmd.Process.Signal(syscall.SIGCONT) }

// Wait waits for the process to end and returns its exit code.
func (p *Process) Wait(ctx context.Context) (int, error) {
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return -1, ctx.Err()
	}
}

// Usage is the CPU time and the largest resident set of the process, up to now or to its end. While it runs it is read
// from /proc, so only on Linux.
func (p *Process) Usage() (cpu time.Duration, peakRSS int64) {
	select {
	case <-p.done:
		if u, ok := p.cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			peakRSS = u.Maxrss << 10
		}
		return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime(), peakRSS
	default:
	}
	proc := fmt.Sprintf("/proc/%d/", p.cmd.Process.Pid)
	if stat, err := os.ReadFile(proc + "stat"); err == nil {
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		user, _ := strconv.ParseInt(fields[11], 10, 64)
		system, _ := strconv.ParseInt(fields[12], 10, 64)
		cpu = time.Duration(user+system) * time.Second / 100 // USER_HZ is 100 on every Linux
	}
	if status, err := os.ReadFile(proc + "status"); err == nil {
		for line := range strings.SplitSeq(string(status), "\n") {
			if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
				kib, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
				peakRSS = kib << 10
			}
		}
	}
	return cpu, peakRSS
}

// Tail returns the last lines of the log.
func (p *Process) Tail(lines int) string {
	raw, _ := os.ReadFile(p.Log)
	all := strings.Split(strings.TrimSpace(string(raw)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
