// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/engine/MetaTree.h"

#include <algorithm>
#include <limits>

namespace portcullis::spam {

namespace {

using Operation = MetaTest::Operation;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr ValueRange anyValue{-infinity, infinity};
constexpr ValueRange truth{0, 1};

ValueRange exactly(double value)
{
    return {value, value};
}

double compute(Operation operation, double a, double b)
{
    switch (operation) {
    case Operation::Add:
        return a + b;
    case Operation::Subtract:
        return a - b;
    case Operation::Multiply:
        return a * b;
    case Operation::Divide:
        return b == 0 ? 0 : a / b;
    case Operation::Less:
        return a < b ? 1 : 0;
    case Operation::LessEqual:
        return a <= b ? 1 : 0;
    case Operation::Greater:
        return a > b ? 1 : 0;
    case Operation::GreaterEqual:
        return a >= b ? 1 : 0;
    case Operation::Equal:
        return a == b ? 1 : 0;
    case Operation::NotEqual:
        return a != b ? 1 : 0;
    case Operation::Xor:
        return static_cast<double>(static_cast<qint64>(a) ^ static_cast<qint64>(b));
    case Operation::And:
        return a != 0 ? b : a;
    case Operation::Or:
        return a != 0 ? a : b;
    default:
        return 0;
    }
}

/// Comparison of two ranges: known as soon as they are apart.
ValueRange compared(Operation operation, const ValueRange &a, const ValueRange &b)
{
    switch (operation) {
    case Operation::Less:
        return a.most < b.least ? exactly(1) : a.least >= b.most ? exactly(0) : truth;
    case Operation::LessEqual:
        return a.most <= b.least ? exactly(1) : a.least > b.most ? exactly(0) : truth;
    case Operation::Greater:
        return a.least > b.most ? exactly(1) : a.most <= b.least ? exactly(0) : truth;
    case Operation::GreaterEqual:
        return a.least >= b.most ? exactly(1) : a.most < b.least ? exactly(0) : truth;
    case Operation::Equal:
        return a.most < b.least || b.most < a.least ? exactly(0) : truth;
    case Operation::NotEqual:
        return a.most < b.least || b.most < a.least ? exactly(1) : truth;
    default:
        return anyValue;
    }
}

ValueRange combined(Operation operation, const ValueRange &a, const ValueRange &b)
{
    if (a.isKnown() && b.isKnown()) {
        return exactly(compute(operation, a.least, b.least));
    }
    switch (operation) {
    case Operation::Add:
        return {a.least + b.least, a.most + b.most};
    case Operation::Subtract:
        return {a.least - b.most, a.most - b.least};
    case Operation::Multiply:
        return a.isZero() || b.isZero() ? exactly(0) : anyValue;
    case Operation::And:
        if (a.isZero() || b.isZero()) {
            return exactly(0);
        }
        return a.isTrue() ? b : ValueRange{std::min(b.least, 0.0), std::max(b.most, 0.0)};
    case Operation::Or:
        if (a.isZero()) {
            return b;
        }
        return a.isTrue() ? a : ValueRange{std::min(a.least, b.least), std::max(a.most, b.most)};
    default:
        return compared(operation, a, b);
    }
}

/// Operators that are evaluated as a chain of any length.
bool isChained(Operation operation)
{
    return operation == Operation::And || operation == Operation::Or || operation == Operation::Add;
}

int arity(Operation operation)
{
    switch (operation) {
    case Operation::Number:
    case Operation::Test:
        return 0;
    case Operation::Not:
    case Operation::Negate:
        return 1;
    case Operation::Choose:
        return 3;
    default:
        return 2;
    }
}

}  // namespace

MetaTree::MetaTree(const MetaTest &test, const RuleSet &rules, bool isLocalOnly)
{
    std::vector<int> stack;
    const auto pop = [&stack] {
        if (stack.empty()) {
            return -1;
        }
        const int top = stack.back();
        stack.pop_back();
        return top;
    };
    for (const MetaTest::Step &step : test.steps) {
        Node node;
        node.operation = step.operation;
        node.number = step.number;
        if (step.operation == Operation::Test) {
            node.test = rules.indexOf(step.name);
            if (node.test < 0) {
                node.operation = Operation::Number;
                node.number = step.name == "local_tests_only" && isLocalOnly ? 1 : 0;
                m_hasUnknown = m_hasUnknown || step.name != "local_tests_only";
            } else if (std::find(m_tests.begin(), m_tests.end(), node.test) == m_tests.end()) {
                m_tests.push_back(node.test);
            }
        }
        const int operands = arity(step.operation);
        if (isChained(step.operation)) {
            const int right = pop();
            addOperator(step.operation, pop(), right);
            stack.push_back(static_cast<int>(m_nodes.size()) - 1);
            continue;
        }
        if (operands == 3) {
            node.right = pop();
            node.left = pop();
            node.condition = pop();
        } else {
            node.right = operands > 1 ? pop() : -1;
            node.left = operands > 0 ? pop() : -1;
        }
        m_nodes.push_back(node);
        stack.push_back(static_cast<int>(m_nodes.size()) - 1);
    }
}

/// "a && b && c" comes as (a && b) && c: the chain goes on in the new node.
void MetaTree::addOperator(Operation operation, int left, int right)
{
    Node node;
    node.operation = operation;
    if (left >= 0 && m_nodes[static_cast<size_t>(left)].operation == operation) {
        node.operands = std::move(m_nodes[static_cast<size_t>(left)].operands);
    } else {
        node.operands.push_back(left);
    }
    node.operands.push_back(right);
    m_nodes.push_back(std::move(node));
}

int MetaTree::levels(const std::function<int(int)> &levelsOf) const
{
    std::vector<int> levels;  // Of each node: operands stand before their operator.
    const auto at = [&levels](int node) {
        return node < 0 ? 0 : levels[static_cast<size_t>(node)];
    };
    for (const Node &node : m_nodes) {
        int below = node.test < 0 ? std::max({at(node.left), at(node.right), at(node.condition)})
                                  : levelsOf(node.test);
        const auto count = static_cast<int>(node.operands.size());
        for (int i = 0; i < count; ++i) {  // As deep as they are written.
            const int within = i == 0 ? count - 2 : count - 1 - i;
            below = std::max(below, at(node.operands[static_cast<size_t>(i)]) + within);
        }
        levels.push_back(below + 1);
    }
    return levels.empty() ? 0 : levels.back();
}

double MetaTree::value(TestValues &values) const
{
    return m_nodes.empty() ? 0 : valueOf(static_cast<int>(m_nodes.size()) - 1, values);
}

ValueRange MetaTree::range(TestValues &values) const
{
    return m_nodes.empty() ? ValueRange{} : rangeOf(static_cast<int>(m_nodes.size()) - 1, values);
}

// NOLINTBEGIN(misc-no-recursion) depth bounded by EngineLimits::metaLevels
double MetaTree::chainValue(const Node &chain, TestValues &values) const
{
    const bool isSum = chain.operation == Operation::Add;
    if (chain.operation == Operation::And) {
        // What cannot hold is looked for everywhere before anything is run for it.
        for (const int operand : chain.operands) {
            if (rangeOf(operand, values).isZero()) {
                return 0;
            }
        }
    }
    double value = 0;
    for (const int operand : chain.operands) {
        value = (isSum ? value : 0) + valueOf(operand, values);
        if (!isSum && (value != 0) == (chain.operation == Operation::Or)) {
            break;
        }
    }
    return value;
}

ValueRange MetaTree::chainRange(const Node &chain, TestValues &values) const
{
    ValueRange range = rangeOf(chain.operands.front(), values);
    for (size_t i = 1; i < chain.operands.size(); ++i) {
        if (chain.operation == Operation::And
                ? range.isZero()
                : chain.operation == Operation::Or && range.isTrue()) {
            break;
        }
        range = combined(chain.operation, range, rangeOf(chain.operands[i], values));
    }
    return range;
}

double MetaTree::valueOf(int at, TestValues &values) const
{
    if (at < 0) {
        return 0;
    }
    const Node &node = m_nodes[static_cast<size_t>(at)];
    switch (node.operation) {
    case Operation::Number:
        return node.number;
    case Operation::Test:
        return values.valueAt(node.test);
    case Operation::Not:
        return valueOf(node.left, values) != 0 ? 0 : 1;
    case Operation::Negate:
        return -valueOf(node.left, values);
    case Operation::Choose:
        return valueOf(valueOf(node.condition, values) != 0 ? node.left : node.right, values);
    case Operation::And:
    case Operation::Or:
    case Operation::Add:
        return chainValue(node, values);
    default:
        break;
    }
    const ValueRange known = rangeOf(at, values);
    if (known.isKnown()) {
        return known.least;
    }
    const double left = valueOf(node.left, values);
    const ValueRange half = combined(node.operation, exactly(left), rangeOf(node.right, values));
    return half.isKnown() ? half.least : compute(node.operation, left, valueOf(node.right, values));
}

ValueRange MetaTree::rangeOf(int at, TestValues &values) const
{
    if (at < 0) {
        return {};
    }
    const Node &node = m_nodes[static_cast<size_t>(at)];
    switch (node.operation) {
    case Operation::Number:
        return exactly(node.number);
    case Operation::Test:
        return values.rangeAt(node.test);
    case Operation::Not: {
        const ValueRange inside = rangeOf(node.left, values);
        return inside.isZero() ? exactly(1) : inside.isTrue() ? exactly(0) : truth;
    }
    case Operation::Negate: {
        const ValueRange inside = rangeOf(node.left, values);
        return {-inside.most, -inside.least};
    }
    case Operation::Choose: {
        const ValueRange condition = rangeOf(node.condition, values);
        if (condition.isZero() || condition.isTrue()) {
            return rangeOf(condition.isZero() ? node.right : node.left, values);
        }
        const ValueRange a = rangeOf(node.left, values);
        const ValueRange b = rangeOf(node.right, values);
        return {std::min(a.least, b.least), std::max(a.most, b.most)};
    }
    case Operation::And:
    case Operation::Or:
    case Operation::Add:
        return chainRange(node, values);
    default:
        return combined(node.operation, rangeOf(node.left, values), rangeOf(node.right, values));
    }
}
// NOLINTEND(misc-no-recursion)

}  // namespace portcullis::spam
