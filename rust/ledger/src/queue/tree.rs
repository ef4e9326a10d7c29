//! An ordered set that counts: a B+ tree whose parents hold, for each child, how many entries it has and a summary of
//! them. So an entry's rank is O(log n), and a search passes a whole child by that holds nothing it wants.

/// Entries of a leaf. Small in tests, so that small trees are deep.
const LEAF: usize = if cfg!(test) { 8 } else { 128 };
/// Children of an inner node.
pub(crate) const FAN: usize = if cfg!(test) { 8 } else { 32 };

/// What a parent knows of the entries below a child: something that stays true when entries go.
pub(crate) trait Summary: Clone {
    /// What it takes from one entry.
    type Terms;

    /// Of no entry.
    fn empty() -> Self;
    /// An entry came.
    fn add(&mut self, terms: &Self::Terms);
    /// The entries below another child came.
    fn take_in(&mut self, other: &Self);
}

impl Summary for () {
    type Terms = ();

    fn empty() -> Self {}
    fn add(&mut self, (): &()) {}
    fn take_in(&mut self, (): &()) {}
}

#[derive(Debug, Clone)]
pub(crate) enum Node<E, S> {
    Leaf(Vec<E>),
    Inner(Vec<Child<E, S>>),
}

#[derive(Debug, Clone)]
pub(crate) struct Child<E, S> {
    /// No entry below is less, unless it is the first child.
    pub first: E,
    pub count: usize,
    pub summary: S,
    pub node: Node<E, S>,
}

/// The set.
#[derive(Debug, Clone)]
pub(crate) struct Tree<E, S> {
    pub root: Child<E, S>,
}

/// What an insertion did to a node.
enum Grown<E, S> {
    /// The entry is in it.
    Within,
    /// It has a new neighbour on the right, and did not change.
    Beside(Child<E, S>),
    /// It gave a part of itself to a new neighbour on the right, whose summary the parent must give.
    Halved(Child<E, S>),
}

impl<E: Copy + Ord, S: Summary> Node<E, S> {
    pub(crate) fn count(&self) -> usize {
        match self {
            Self::Leaf(entries) => entries.len(),
            Self::Inner(children) => children
                .iter()
                .fold(0, |sum, child| sum.saturating_add(child.count)),
        }
    }

    pub(crate) fn first(&self) -> Option<E> {
        match self {
            Self::Leaf(entries) => entries.first().copied(),
            Self::Inner(children) => children.first().map(|child| child.first),
        }
    }

    /// How full it is, in the unit of its kind.
    fn width(&self) -> usize {
        match self {
            Self::Leaf(entries) => entries.len(),
            Self::Inner(children) => children.len(),
        }
    }

    fn is_sparse(&self) -> bool {
        match self {
            Self::Leaf(entries) => entries.len() < LEAF / 4,
            Self::Inner(children) => children.len() < FAN / 4,
        }
    }

    fn fits_with(&self, other: &Self) -> bool {
        let room = match self {
            Self::Leaf(_) => LEAF / 4 * 3,
            Self::Inner(_) => FAN / 4 * 3,
        };
        self.width().saturating_add(other.width()) <= room
    }

    fn take_in(&mut self, right: Self) {
        match (self, right) {
            (Self::Leaf(entries), Self::Leaf(more)) => entries.extend(more),
            (Self::Inner(children), Self::Inner(more)) => children.extend(more),
            // All leaves are at one depth.
            (Self::Leaf(_), Self::Inner(_)) | (Self::Inner(_), Self::Leaf(_)) => {}
        }
    }

    fn into_child(self, fallback: E) -> Child<E, S> {
        Child {
            first: self.first().unwrap_or(fallback),
            count: self.count(),
            summary: S::empty(),
            node: self,
        }
    }

    fn insert(&mut self, entry: E, terms: &S::Terms) -> Grown<E, S> {
        match self {
            Self::Leaf(entries) => {
                let at = entries.partition_point(|known| *known < entry);
                if entries.len() < LEAF {
                    entries.insert(at, entry);
                    return Grown::Within;
                }
                let mut right = Vec::with_capacity(LEAF);
                // What grows at its end leaves full leaves behind.
                if at == entries.len() {
                    right.push(entry);
                    let mut child = Self::Leaf(right).into_child(entry);
                    child.summary.add(terms);
                    return Grown::Beside(child);
                }
                right.extend(entries.drain(LEAF / 2..));
                match at.checked_sub(entries.len()) {
                    Some(at) if at > 0 => right.insert(at, entry),
                    _ => entries.insert(at, entry),
                }
                Grown::Halved(Self::Leaf(right).into_child(entry))
            }
            Self::Inner(children) => {
                let at = child_of(children, &entry);
                let Some(child) = children.get_mut(at) else {
                    return Grown::Within;
                };
                let Some((beside, halved)) = child.grow(entry, terms) else {
                    return Grown::Within;
                };
                let at = at.saturating_add(1);
                if children.len() < FAN {
                    children.insert(at, beside);
                    // The entry is below this node, as it was said of `Within`.
                    return Grown::Within;
                }
                if at == children.len() {
                    let mut child = Self::Inner(vec![beside]).into_child(entry);
                    if halved {
                        return Grown::Halved(child);
                    }
                    child.summary.add(terms);
                    return Grown::Beside(child);
                }
                let mut right = children.split_off(FAN / 2);
                match at.checked_sub(children.len()) {
                    Some(at) if at > 0 => right.insert(at, beside),
                    _ => children.insert(at, beside),
                }
                Grown::Halved(Self::Inner(right).into_child(entry))
            }
        }
    }

    fn remove(&mut self, entry: &E) -> bool {
        match self {
            Self::Leaf(entries) => match entries.binary_search(entry) {
                Ok(at) => {
                    entries.remove(at);
                    true
                }
                Err(_) => false,
            },
            Self::Inner(children) => {
                let at = child_of(children, entry);
                let Some(child) = children.get_mut(at) else {
                    return false;
                };
                if !child.node.remove(entry) {
                    return false;
                }
                child.count = child.count.saturating_sub(1);
                if child.count == 0 {
                    children.remove(at);
                } else if child.node.is_sparse() {
                    join(children, at);
                }
                true
            }
        }
    }

    fn rank(&self, entry: &E) -> usize {
        match self {
            Self::Leaf(entries) => entries.partition_point(|known| known < entry),
            Self::Inner(children) => {
                let at = child_of(children, entry);
                let before = children
                    .iter()
                    .take(at)
                    .fold(0_usize, |sum, child| sum.saturating_add(child.count));
                let within = children.get(at).map_or(0, |child| child.node.rank(entry));
                before.saturating_add(within)
            }
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Leaf(entries) => entries.capacity().saturating_mul(size_of::<E>()),
            Self::Inner(children) => children.iter().fold(
                children.capacity().saturating_mul(size_of::<Child<E, S>>()),
                |sum, child| sum.saturating_add(child.node.bytes()),
            ),
        }
    }

    fn visit(&self, take: &mut impl FnMut(&E) -> bool) -> bool {
        match self {
            Self::Leaf(entries) => entries.iter().all(take),
            Self::Inner(children) => children.iter().all(|child| child.node.visit(take)),
        }
    }
}

impl<E: Copy + Ord, S: Summary> Child<E, S> {
    /// Inserts below; answers with the new neighbour, and whether it took a part of what was here.
    fn grow(&mut self, entry: E, terms: &S::Terms) -> Option<(Self, bool)> {
        self.first = self.first.min(entry);
        match self.node.insert(entry, terms) {
            Grown::Within => {
                self.count = self.count.saturating_add(1);
                self.summary.add(terms);
                None
            }
            Grown::Beside(beside) => Some((beside, false)),
            Grown::Halved(mut beside) => {
                self.count = self.node.count();
                self.summary.add(terms);
                beside.summary = self.summary.clone();
                Some((beside, true))
            }
        }
    }
}

/// The child that an entry is or would be below.
pub(crate) fn child_of<E: Ord, S>(children: &[Child<E, S>], entry: &E) -> usize {
    children
        .partition_point(|child| child.first <= *entry)
        .saturating_sub(1)
}

/// Joins a sparse child with a neighbour that has room for it.
fn join<E: Copy + Ord, S: Summary>(children: &mut Vec<Child<E, S>>, at: usize) {
    for left in [Some(at), at.checked_sub(1)].into_iter().flatten() {
        let right = left.saturating_add(1);
        let (Some(one), Some(other)) = (children.get(left), children.get(right)) else {
            continue;
        };
        if !one.node.fits_with(&other.node) {
            continue;
        }
        let moved = children.remove(right);
        if let Some(one) = children.get_mut(left) {
            one.node.take_in(moved.node);
            one.count = one.count.saturating_add(moved.count);
            one.summary.take_in(&moved.summary);
        }
        return;
    }
}

impl<E: Copy + Ord, S: Summary> Tree<E, S> {
    /// Empty; no entry may ever be less than `least`.
    pub fn new(least: E) -> Self {
        let root = Node::Leaf(Vec::new()).into_child(least);
        Self { root }
    }

    pub fn len(&self) -> usize {
        self.root.count
    }

    pub fn insert(&mut self, entry: E, terms: &S::Terms) {
        let root = &mut self.root;
        let Some((beside, _)) = root.grow(entry, terms) else {
            return;
        };
        let mut above = Node::Inner(Vec::with_capacity(2)).into_child(root.first);
        above.summary = root.summary.clone();
        above.summary.take_in(&beside.summary);
        std::mem::swap(root, &mut above);
        if let Node::Inner(children) = &mut root.node {
            children.extend([above, beside]);
        }
        root.count = root.node.count();
    }

    /// Whether it was there.
    pub fn remove(&mut self, entry: &E) -> bool {
        if !self.root.node.remove(entry) {
            return false;
        }
        self.root.count = self.root.count.saturating_sub(1);
        while let Node::Inner(children) = &mut self.root.node {
            if children.len() > 1 {
                break;
            }
            match children.pop() {
                Some(only) => self.root = only,
                None => self.root.node = Node::Leaf(Vec::new()),
            }
        }
        true
    }

    /// How many entries are less.
    pub fn rank(&self, entry: &E) -> usize {
        self.root.node.rank(entry)
    }

    /// Shows the entries in order for as long as `take` wants more.
    pub fn visit(&self, mut take: impl FnMut(&E) -> bool) {
        self.root.node.visit(&mut take);
    }

    /// The memory that it takes, bytes.
    pub fn bytes(&self) -> usize {
        self.root.node.bytes()
    }
}
