// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <optional>
#include <utility>

namespace portcullis::policy {

/// A value that is on its way: looked up early, needed later. One thread, one waiter at a time.
template<typename T>
class Eventual
{
public:
    /// Calls `use` with the value: now if it is there, else when set() brings it.
    void when(std::function<void(const T &)> use)
    {
        if (m_value) {
            use(*m_value);
        } else {
            m_waiter = std::move(use);
        }
    }

    void set(T value)
    {
        m_value = std::move(value);
        if (auto waiter = std::exchange(m_waiter, nullptr)) {
            waiter(*m_value);
        }
    }

    [[nodiscard]] const std::optional<T> &value() const { return m_value; }

private:
    std::optional<T> m_value;
    std::function<void(const T &)> m_waiter;
};

}  // namespace portcullis::policy
