package kafkatest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/segmentio/kafka-go"
)

// Options of a broker.
type Options struct {
	CheckInterval time.Duration     // between looks for expired segments; 0: Kafka's 5 minutes
	Properties    map[string]string // further server properties, by Kafka's names
}

// Broker is a running Apache Kafka broker. Its methods are not safe for concurrent use.
type Broker struct {
	dir       string
	classpath string
	port      int
	process   *os.Process
	ended     chan struct{} // closed when the process has ended
}

// Run formats dir and starts a broker in it; it returns once the broker answers. Its log is dir/broker.log.
func Run(ctx context.Context, dir string, o Options) (*Broker, error) {
	jars, err := classpath(ctx)
	if err != nil {
		return nil, err
	}
	b := &Broker{dir: dir, classpath: jars}
	// A port that was free can be taken before the broker binds it; then others are tried.
	for range 3 {
		if err = b.configure(o); err != nil {
			return nil, err
		}
		if err = b.format(ctx); err != nil {
			return nil, err
		}
		if err = b.start(ctx); err == nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

// configure writes server.properties.
func (b *Broker) configure(o Options) error {
	port, err := FreePort()
	if err != nil {
		return err
	}
	second, err := FreePort()
	if err != nil {
		return err
	}
	b.port = port
	own, controller := "127.0.0.1:"+strconv.Itoa(port), "127.0.0.1:"+strconv.Itoa(second)
	properties := map[string]string{
		"process.roles":                            "broker,controller",
		"node.id":                                  "1",
		"controller.quorum.voters":                 "1@" + controller,
		"listeners":                                "PLAINTEXT://" + own + ",CONTROLLER://" + controller,
		"advertised.listeners":                     "PLAINTEXT://" + own,
		"controller.listener.names":                "CONTROLLER",
		"log.dirs":                                 b.DataDir(),
		"auto.create.topics.enable":                "false",
		"unclean.leader.election.enable":           "false",
		"group.initial.rebalance.delay.ms":         "0",
		"offsets.topic.num.partitions":             "4",
		"offsets.topic.replication.factor":         "1",
		"transaction.state.log.num.partitions":     "1",
		"transaction.state.log.replication.factor": "1",
		"transaction.state.log.min.isr":            "1",
	}
	if o.CheckInterval > 0 {
		properties["log.retention.check.interval.ms"] = strconv.FormatInt(o.CheckInterval.Milliseconds(), 10)
	}
	for name, value := range o.Properties {
		properties[name] = value
	}
	var text strings.Builder
	for name, value := range properties {
		text.WriteString(name + "=" + value + "\n")
	}
	if err := os.WriteFile(b.properties(), []byte(text.String()), 0o644); err != nil {
		return fmt.Errorf("configure broker: %w", err)
	}
	return nil
}

func (b *Broker) properties() string { return filepath.Join(b.dir, "server.properties") }

// format prepares the data directory.
func (b *Broker) format(ctx context.Context) error {
	const cluster = "d2hhdHNhcHBsaW5rIDAxIQ" // any 16 bytes, base64
	tool := exec.CommandContext(ctx, "java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", b.classpath,
		"kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", cluster, "-c", b.properties())
	if out, err := tool.CombinedOutput(); err != nil {
		return fmt.Errorf("format broker: %w: %s", err, out)
	}
	return nil
}

// start starts the process and waits until it answers.
func (b *Broker) start(ctx context.Context) error {
	log, err := os.OpenFile(filepath.Join(b.dir, "broker.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("start broker: %w", err)
	}
	defer log.Close()
	cmd := exec.Command("java", "-Xmx512m", "-XX:+UseSerialGC", "-cp", b.classpath,
		"-Dorg.slf4j.simpleLogger.showDateTime=true", "kafka.Kafka", b.properties())
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = dieWithParent()
	started, ended := make(chan error, 1), make(chan struct{})
	go func() {
		// The kernel ends the broker with the thread that started it, so that thread has to stay.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
		}
		close(ended)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start broker: %w", err)
	}
	b.process, b.ended = cmd.Process, ended
	return b.ready(ctx)
}

// ready waits until the broker answers with itself as a member of the cluster.
func (b *Broker) ready(ctx context.Context) error {
	for {
		if b.answers(ctx) {
			return nil
		}
		select {
		case <-b.ended:
			return fmt.Errorf("start broker: it ended; see %s", filepath.Join(b.dir, "broker.log"))
		case <-ctx.Done():
			b.Kill()
			return fmt.Errorf("start broker: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (b *Broker) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := kafka.DialContext(ctx, "tcp", b.Brokers()[0])
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
	brokers, err := conn.Brokers()
	return err == nil && len(brokers) == 1
}

// Brokers returns the addresses to connect to.
func (b *Broker) Brokers() []string { return []string{"127.0.0.1:" + strconv.Itoa(b.port)} }

// DataDir is where the broker keeps its logs.
func (b *Broker) DataDir() string { return filepath.Join(b.dir, "data") }

// Kill ends the broker as a power loss would, page cache apart, and waits for its end.
func (b *Broker) Kill() {
	_ = b.process.Kill() // an error says that it has ended
	<-b.ended
}

// Restart kills the broker if it runs, and starts it again on the same data and ports.
func (b *Broker) Restart(ctx context.Context) error {
	b.Kill()
	return b.start(ctx)
}

// Pause stops the broker's process in mid-work.
func (b *Broker) Pause() error { return b.process.Signal(syscall.SIGSTOP) }

// Resume lets a paused broker go on.
func (b *Broker) Resume() error { return b.process.Signal(syscall.SIGCONT) }

// Close ends the broker.
func (b *Broker) Close() { b.Kill() }
