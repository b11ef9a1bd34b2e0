/** What tables with open addressing and linear probing have in common (Knuth, The Art of Computer Programming 3, 6.4). */

/**
 * Whether what is at the place `next` may stay there when `gap`, before it without an empty one between, becomes empty:
 * its search begins at `home` and must not come by the gap, round the end of the table or not (algorithm R).
 */
export function mayStay(gap: number, home: number, next: number): boolean {
  return gap < next ? gap < home && home <= next : gap < home || home <= next;
}
