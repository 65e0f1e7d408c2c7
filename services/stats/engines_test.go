package stats

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/warehouse/segment"
	files "eventanalytics/pkg/warehouse/walk"
	"eventanalytics/services/stats/engine"
)

// walking is an engine whose scans fail with some errors, one after the other.
type walking struct {
	engine.Unsupported
	errs *[]error
}

func (walking) Name() string { return "walk" }

func (w walking) Funnel(context.Context, engine.Funnel) (engine.Funneled, error) {
	errs := *w.errs
	if len(errs) == 0 {
		return engine.Funneled{}, nil
	}
	*w.errs = errs[1:]
	return engine.Funneled{}, errs[0]
}

// TestLastWalk: a file that is damaged during the last walk that can answer is opened again;
// damage that stays is refused as that.
func TestLastWalk(t *testing.T) {
	t.Parallel()
	damaged := fmt.Errorf("%w: %w", engine.ErrUnsupported, files.ErrFormat) // as the engine says it
	other := errors.New("other")
	for name, c := range map[string]struct {
		errs   []error
		opened int
		want   error
	}{
		"whole":              {nil, 1, nil},
		"damaged on its way": {[]error{damaged}, 2, nil},
		"damaged for good":   {[]error{damaged, damaged, damaged}, 2, segment.ErrQuarantined},
		"another reason":     {[]error{other}, 1, other},
	} {
		opened := 0
		w := &lastWalk{open: func(context.Context) (engine.Engine, error) {
			opened++
			return walking{errs: &c.errs}, nil
		}}
		_, err := w.Funnel(t.Context(), engine.Funnel{})
		require.ErrorIs(t, err, c.want, name)
		require.NotErrorIs(t, err, engine.ErrUnsupported, name)
		require.Equal(t, c.opened, opened, name)
	}
}
