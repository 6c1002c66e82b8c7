// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/conf/RuleSet.h"

#include <functional>
#include <vector>

namespace portcullis::spam {

/// What the value of a test can still become.
struct ValueRange {
    double least = 0;
    double most = 0;

    [[nodiscard]] bool isZero() const { return least == 0 && most == 0; }
    [[nodiscard]] bool isKnown() const { return least == most; }
    /// Whether it cannot be 0.
    [[nodiscard]] bool isTrue() const { return least > 0 || most < 0; }
};

/// Where expressions get the values of tests: by index in the rule set, each found out when asked for.
class TestValues
{
public:
    virtual ~TestValues() = default;
    virtual double valueAt(int test) = 0;
    /// Without running anything.
    virtual ValueRange rangeAt(int test) = 0;
};

/// A meta test as a tree that asks for no more tests than it needs: what cannot matter any more is not
/// run. The result is that of evaluating everything, as Perl does.
class MetaTree
{
public:
    /// `indexOf` says which test a name is; -1: unknown, counts as `local_tests_only` or 0.
    MetaTree(const MetaTest &test, const RuleSet &rules, bool isLocalOnly);
    MetaTree() = default;

    [[nodiscard]] double value(TestValues &values) const;
    [[nodiscard]] ValueRange range(TestValues &values) const;
    /// Tests that occur in it, each once.
    [[nodiscard]] const std::vector<int> &tests() const { return m_tests; }
    /// How far value() and range() go down, where a test goes down `levelsOf(test)` itself.
    [[nodiscard]] int levels(const std::function<int(int test)> &levelsOf) const;
    [[nodiscard]] bool hasUnknown() const { return m_hasUnknown; }

private:
    struct Node {
        MetaTest::Operation operation = MetaTest::Operation::Number;
        double number = 0;
        int test = -1;
        int left = -1;
        int right = -1;
        int condition = -1;
        std::vector<int> operands;  ///< Of chains (a && b && c) instead, in their order.
    };

    [[nodiscard]] double valueOf(int node, TestValues &values) const;
    [[nodiscard]] ValueRange rangeOf(int node, TestValues &values) const;
    [[nodiscard]] double chainValue(const Node &chain, TestValues &values) const;
    [[nodiscard]] ValueRange chainRange(const Node &chain, TestValues &values) const;
    void addOperator(MetaTest::Operation operation, int left, int right);

    std::vector<Node> m_nodes;  ///< The root is the last.
    std::vector<int> m_tests;
    bool m_hasUnknown = false;
};

}  // namespace portcullis::spam
