package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// printDisclosure prints for people: what is promised, what stands behind it, what was measured, what differs.
func printDisclosure(out io.Writer, d *disclosure) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	seconds := func(s float64) string {
		return (time.Duration(s * float64(time.Second))).Round(time.Millisecond).String()
	}
	settings := func(m map[string]string) string {
		var all []string
		for _, name := range slices.Sorted(maps.Keys(m)) {
			all = append(all, name+"="+m[name])
		}
		return strings.Join(all, " ")
	}
	line("policy version\t%s", d.PolicyVersion)
	line("\nWINDOW\tREADABLE\tBUCKET\tGONE WITHIN\tACROSS A BROKER'S RESTART\tKEYS")
	for _, x := range d.Windows {
		line("%s\t%s\t%s\t%s\t%s\t%s retention.ms=%s", x.Window, seconds(x.Seconds), seconds(x.Bucket), seconds(x.Bound), seconds(x.Restart), x.Topic, x.Retained)
	}
	line("\nLATENESS OF THE LAST DAY\tRECEIPTS\tP50\tP99\tMAX")
	for _, state := range slices.Sorted(maps.Keys(d.Lateness)) {
		x := d.Lateness[state]
		line("%s\t%d\t%s\t%s\t%s", state, x.Receipts, seconds(x.P50), seconds(x.P99), seconds(x.Max))
	}
	line("\nPLAINTEXT\tOLDEST")
	for _, x := range d.Plaintext {
		line("%s\t%s", x.Topic, seconds(x.Seconds))
	}
	line("\nCLASS\tWHERE\tREAD BY")
	for _, x := range d.Readers {
		line("%s\t%s\t%s", x.Class, x.Where, x.Who)
	}
	line("\nTOPIC\tSETTINGS, READ BACK")
	for _, x := range d.Topics {
		line("%s\t%s", x.Topic, settings(x.Settings))
	}
	for _, x := range d.Brokers {
		line("broker %d\t%s", x.ID, settings(x.Settings))
	}
	line("\nTABLE\tTTL, READ BACK\tretain_until")
	for _, x := range d.Tables {
		line("%s\t%s\t%s", x.Table, x.TTL, x.From)
	}
	if d.TablesUnread != "" {
		line("not read: %s", d.TablesUnread)
	}
	line("\nLOOK YOURSELF")
	for _, x := range d.Look {
		line("%s", x)
	}
	line("\nDRIFT\tSETTING\tWANT\tHAVE\tWEAKENS THE PROMISE")
	for _, x := range d.Drift {
		line("%s\t%s\t%s\t%s\t%v", x.Topic, x.Setting, x.Want, x.Have, x.Weakens)
	}
	if len(d.Drift) == 0 {
		line("none")
	}
	return w.Flush()
}
