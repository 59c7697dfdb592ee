package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// progress shows how far a run is: bars in a terminal, a plain line now and then in a pipe.
type progress struct {
	out  io.Writer
	live *mpb.Progress // nil in a pipe
	bar  *mpb.Bar
	name string
	said time.Time
}

// sayEvery is how often a line is printed in a pipe.
const sayEvery = 2 * time.Second

func newProgress(out io.Writer) *progress {
	p := &progress{out: out}
	p.begin()
	return p
}

func (p *progress) begin() {
	if f, ok := p.out.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		p.live = mpb.New(mpb.WithOutput(f), mpb.WithWidth(60), mpb.WithRefreshRate(100*time.Millisecond))
	}
}

// pause ends the bars so far, so that something can be printed below them, and begins anew.
func (p *progress) pause() {
	p.done()
	p.begin()
}

// say prints one line about something without a count.
func (p *progress) say(format string, args ...any) {
	if p.live != nil {
		_, _ = fmt.Fprintf(p.live, format+"\n", args...)
		return
	}
	_, _ = fmt.Fprintf(p.out, format+"\n", args...)
}

// step begins a count up to total.
func (p *progress) step(name string, total int) {
	p.finish()
	p.name, p.said = name, time.Time{}
	if p.live != nil {
		p.bar = p.live.AddBar(int64(total), mpb.PrependDecorators(decor.Name(fmt.Sprintf("%-24s", name)), decor.CountersNoUnit("%6d / %6d")),
			mpb.AppendDecorators(decor.Percentage(decor.WC{W: 5})))
	}
}

// at says how far the present step is.
func (p *progress) at(n, total int) {
	if p.bar != nil {
		p.bar.SetCurrent(int64(n))
		return
	}
	if p.live == nil && (time.Since(p.said) >= sayEvery || n == total) {
		p.said = time.Now()
		_, _ = fmt.Fprintf(p.out, "%-24s %6d / %6d\n", p.name, n, total)
	}
}

func (p *progress) finish() {
	if p.bar != nil && !p.bar.Completed() {
		p.bar.Abort(false)
	}
	p.bar = nil
}

// done ends the bars; what follows is printed as it is.
func (p *progress) done() {
	p.finish()
	if p.live != nil {
		p.live.Wait()
		p.live = nil
	}
}
