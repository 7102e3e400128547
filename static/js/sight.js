// Which rows of a long list somebody may see, so that what only changes by the clock is not redrawn everywhere.

const AROUND = "300px 0px"; // a little more than the screen: what scrolls in is already told anew
const FEW = 60; // notes up to which looking costs more than it saves

export class Sight {
  constructor() {
    this.forget();
  }

  forget() {
    this.observer?.disconnect();
    this.observer = null;
    this.rows = new WeakMap(); // by note: the row that it is in
    this.near = new WeakSet();
    this.count = 0;
  }

  // A tag whose note stands in no row of a list, or in several places, is always near.
  watch(notes) {
    const row = notes.length === 1 ? notes[0].closest(".row") : null;
    if (!row) return;
    this.count += 1;
    this.rows.set(notes[0], row);
    this.near.add(row); // until it is known
    this.observer ??= new IntersectionObserver((seen) => this.take(seen), { rootMargin: AROUND });
    this.observer.observe(row);
  }

  take(seen) {
    for (const { target, isIntersecting } of seen) {
      if (isIntersecting) this.near.add(target);
      else this.near.delete(target);
    }
  }

  isNear(note) {
    const row = note && this.count > FEW ? this.rows.get(note) : null;
    return !row || this.near.has(row);
  }
}
