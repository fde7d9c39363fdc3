package output

import "fmt"

// setAside says which nodes had lost memory of partitions, and what they have set aside.
func (s Status) setAside() []string {
	var lines []string
	for _, v := range s.Views {
		if v.Status == nil {
			continue
		}
		a := v.Status.SetAside
		if a.Fenced > 0 {
			lines = append(lines, fmt.Sprintf("fenced: %s counts as down for %d partitions until they are filled again", v.Name, a.Fenced))
		}
		if a.Sets > 0 {
			lines = append(lines, fmt.Sprintf("set aside: %s keeps %d objects and %d hints, %d bytes, of what it held before it was fenced: henge salvage list --url %s",
				v.Name, a.Objects, a.Hints, a.Bytes, v.URL))
		}
	}
	return lines
}
