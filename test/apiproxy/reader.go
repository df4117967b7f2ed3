package apiproxy

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// read is an event as it was read.
type read struct {
	Event
	endsList bool // it is the bookmark at the end of a streamed list
	bytes    []byte
}

// reader reads the events of a watch.
type reader struct {
	frame  func() ([]byte, error)
	decode func(frame []byte) (kind string, of *metav1.PartialObjectMetadata, err error)
}

// newReader returns a reader of the watch that r responds with.
func newReader(r *http.Response) (*reader, error) {
	from := r.Body // another takes its place in r
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return nil, fmt.Errorf("watch of media type %q: %w", r.Header.Get("Content-Type"), err)
	}
	switch media {
	case runtime.ContentTypeProtobuf:
		return &reader{func() ([]byte, error) { return prefixed(from) }, decodeProtobuf}, nil
	case runtime.ContentTypeJSON:
		return &reader{concatenated(from), decodeJSON}, nil
	}
	return nil, fmt.Errorf("watch of media type %q, expected JSON or protobuf", media)
}

// next returns the next event.
func (r *reader) next() (read, error) {
	frame, err := r.frame()
	if err != nil {
		return read{}, err
	}
	kind, of, err := r.decode(frame)
	if err != nil {
		return read{}, fmt.Errorf("decoding a watch event: %w", err)
	}
	return read{
		Event:    Event{Type: kind, Namespace: of.Namespace, Name: of.Name},
		endsList: of.Annotations[metav1.InitialEventsAnnotationKey] == "true",
		bytes:    frame,
	}, nil
}

// longest is how many bytes an event may have. etcd stores no larger object.
const longest = 16 << 20

// prefixed reads a frame that begins with its length, and returns both.
func prefixed(from io.Reader) ([]byte, error) {
	length := make([]byte, 4)
	if _, err := io.ReadFull(from, length); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length)
	if n > longest {
		return nil, fmt.Errorf("watch event of %d bytes", n)
	}
	frame := append(length, make([]byte, n)...)
	_, err := io.ReadFull(from, frame[len(length):])
	return frame, err
}

// magic begins an object in protobuf, before a runtime.Unknown.
const magic = "k8s\x00"

// decodeProtobuf decodes an event. Every object has its metadata in field 1, and all other fields are
// skipped.
func decodeProtobuf(frame []byte) (string, *metav1.PartialObjectMetadata, error) {
	event, of := metav1.WatchEvent{}, &metav1.PartialObjectMetadata{}
	if err := event.Unmarshal(frame[4:]); err != nil {
		return "", nil, err
	}
	if event.Type == "ERROR" || len(event.Object.Raw) < len(magic) {
		return event.Type, of, nil
	}
	var object runtime.Unknown
	if err := object.Unmarshal(event.Object.Raw[len(magic):]); err != nil {
		return "", nil, err
	}
	return event.Type, of, of.Unmarshal(object.Raw)
}

// concatenated returns a function that reads one JSON object after another.
func concatenated(from io.Reader) func() ([]byte, error) {
	d := json.NewDecoder(from)
	return func() (frame []byte, err error) {
		var object json.RawMessage
		err = d.Decode(&object)
		return append(object, '\n'), err
	}
}

func decodeJSON(frame []byte) (string, *metav1.PartialObjectMetadata, error) {
	var event struct {
		Type   string
		Object metav1.PartialObjectMetadata
	}
	err := json.Unmarshal(frame, &event)
	return event.Type, &event.Object, err
}
