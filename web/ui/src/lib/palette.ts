// The eight colours of series, as tokens.css has them; the test keeps both the same,
// and any two of them apart for people who see few colours.
export const light = ['#0b6e5f', '#d38106', '#2768fd', '#aa76be', '#5d2603', '#fe1595', '#239af2', '#777d85'];
export const dark = ['#45c4a4', '#fe7729', '#5e63db', '#da7ffe', '#e7e689', '#d63a2f', '#5b99bd', '#7b7c7a'];

export const color = (index: number) => `var(--c${(index % light.length) + 1})`;
