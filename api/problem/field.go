package problem

import "errors"

// FieldError says which part of a request an error is about: a header, a query
// parameter, "key", "bucket" or "body".
type FieldError struct {
	Field string
	Err   error
}

// Field names the part of the request that err is about. A nil err stays nil.
func Field(name string, err error) error {
	if err == nil {
		return nil
	}
	return &FieldError{name, err}
}

// Error names the field before the reason.
func (e *FieldError) Error() string { return e.Field + ": " + e.Err.Error() }

// Unwrap is the reason.
func (e *FieldError) Unwrap() error { return e.Err }

// fieldOf is the field that err names, else the one usual for its row.
func fieldOf(err error, r Row) string {
	if named := (*FieldError)(nil); errors.As(err, &named) {
		return named.Field
	}
	return r.Field
}
