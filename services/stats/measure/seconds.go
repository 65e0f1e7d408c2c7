package measure

import (
	"math/big"
	"math/bits"
)

// microsPerSecond is how many microseconds a second has.
const microsPerSecond = 1_000_000

// Seconds returns the average and the median of some times, which are given in
// microseconds and are not negative. Both are exact, and rounded once. It changes the
// order of the times.
func Seconds(micros []int64) (average, median Value) {
	n := len(micros)
	if n == 0 {
		return null, null
	}
	var high, low uint64
	for _, us := range micros {
		var carry uint64
		low, carry = bits.Add64(low, uint64(us), 0)
		high += carry
	}
	sum := new(big.Int).SetUint64(high)
	sum.Lsh(sum, 64).Add(sum, new(big.Int).SetUint64(low))
	middle := nth(micros, (n-1)/2)
	twice := 2 * middle
	if n%2 == 0 {
		twice = middle + after(micros, middle, n/2)
	}
	return seconds(sum, int64(n)), seconds(big.NewInt(twice), 2)
}

// seconds is some microseconds divided by n.
func seconds(micros *big.Int, n int64) Value {
	by := new(big.Int).Mul(big.NewInt(n), big.NewInt(microsPerSecond))
	x, _ := new(big.Rat).SetFrac(micros, by).Float64()
	return number(x)
}

// nth returns the n-th of some numbers, from 0, by looking at eight of their bits at a
// time: those that differ from the n-th go behind the others.
func nth(numbers []int64, n int) int64 {
	var all uint64
	for _, x := range numbers {
		all |= uint64(x)
	}
	for shift := bits.Len64(all) / 8 * 8; shift >= 0 && len(numbers) > 1; shift -= 8 {
		var counts [256]int
		for _, x := range numbers {
			counts[uint8(x>>shift)]++
		}
		digit := 0
		for ; n >= counts[digit]; digit++ {
			n -= counts[digit]
		}
		same := 0
		for i, x := range numbers {
			if uint8(x>>shift) == uint8(digit) {
				numbers[i], numbers[same] = numbers[same], x
				same++
			}
		}
		numbers = numbers[:same]
	}
	return numbers[0]
}

// after returns the number of a place, from 0, when the one before it is known.
func after(numbers []int64, before int64, place int) int64 {
	upTo, next := 0, int64(-1)
	for _, x := range numbers {
		if x <= before {
			upTo++
		} else if next < 0 || x < next {
			next = x
		}
	}
	if upTo > place {
		return before
	}
	return next
}
