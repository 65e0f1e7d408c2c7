package measure

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Backends that have ended count, because each connection is a process.
func TestFamilyCountsChildrenThatEnded(t *testing.T) {
	before, err := FamilyCPU(os.Getpid())
	require.NoError(t, err)
	child := exec.CommandContext(t.Context(), "sh", "-c", "i=0; while [ $i -lt 1000000 ]; do i=$((i+1)); done")
	require.NoError(t, child.Run())
	after, err := FamilyCPU(os.Getpid())
	require.NoError(t, err)
	used := child.ProcessState.UserTime() + child.ProcessState.SystemTime()
	require.GreaterOrEqual(t, after-before, used-4*ticks(1)) // four counters, cut to ticks
	require.Greater(t, used, 5*ticks(1), "the child is too quick to tell")
}

func TestMedian(t *testing.T) {
	t.Parallel()
	require.Equal(t, 2, Median([]int{9, 1, 2}))
	require.Equal(t, 5, Median([]int{5}))
}

func TestMilliseconds(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0.00", 218 * time.Microsecond: "0.22", 1500 * time.Microsecond: "1.5", 12_600 * time.Microsecond: "13",
	} {
		require.Equal(t, want, Milliseconds(d))
	}
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	ten := []int{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}
	require.Equal(t, 5, Quantile(ten, 0.5))
	require.Equal(t, 9, Quantile(ten, 0.9))
	require.Equal(t, 10, Quantile(ten, 1))
	require.Equal(t, 1, Quantile(ten, 0))
	require.Equal(t, 7, Quantile([]int{7}, 0.9))
}
