package rpc

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"

	"github.com/hengedb/henge/ring"
)

// Hello is how a process introduces itself on every connection.
type Hello struct {
	Node     ring.NodeID `json:"node"`
	Nonce    uint64      `json:"nonce"` // of this process start
	Name     string      `json:"name,omitempty"`
	Cluster  string      `json:"cluster,omitempty"`
	Document uint64      `json:"document,omitempty"` // version held
}

const (
	magic    = "HENGE"
	protocol = 1
	maxHello = 4 << 10
)

// writeHello sends the preface, and an acceptor's verdict when there is one.
func writeHello(w io.Writer, h Hello, verdict *string) error {
	encoded, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("encode hello: %w", err)
	}
	b := append([]byte(magic), protocol)
	b = append(binary.AppendUvarint(b, uint64(len(encoded))), encoded...)
	if verdict != nil {
		text := (*verdict)[:min(len(*verdict), maxHello)]
		b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
	}
	_, err = w.Write(b)
	return err
}

// readHello reads a preface; a stranger on the port is noticed by its first bytes.
func readHello(r *bufio.Reader) (Hello, error) {
	var head [len(magic) + 1]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return Hello{}, err
	}
	if string(head[:len(magic)]) != magic {
		return Hello{}, fmt.Errorf("%w: it does not speak our protocol", errFrame)
	}
	if v := head[len(magic)]; v != protocol {
		return Hello{}, fmt.Errorf("%w: the peer speaks protocol %d, this node %d", errVersion, v, protocol)
	}
	encoded, err := readText(r)
	if err != nil {
		return Hello{}, err
	}
	var h Hello
	if err := json.Unmarshal(encoded, &h); err != nil {
		return Hello{}, fmt.Errorf("%w: hello: %w", errFrame, err)
	}
	return h, nil
}

// readText reads a bounded length and its bytes.
func readText(r *bufio.Reader) ([]byte, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, err
	}
	if n > maxHello {
		return nil, fmt.Errorf("%w: %d bytes of hello", errFrame, n)
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return b, err
}
