// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/conf/RuleSet.h"

#include <cstdlib>

namespace portcullis::spam {

/// Arguments of an eval call as Perl reads them: what is no number counts as 0.
class CallArguments
{
public:
    explicit CallArguments(const EvalCall &call)
        : m_call(call)
    {
    }

    [[nodiscard]] bool has(size_t index) const { return index < m_call.arguments.size(); }
    [[nodiscard]] const QByteArray &text(size_t index) const
    {
        static const QByteArray none;
        return has(index) ? m_call.arguments[index] : none;
    }
    [[nodiscard]] double number(size_t index) const
    {
        return std::strtod(text(index).constData(), nullptr);
    }

private:
    const EvalCall &m_call;
};

}  // namespace portcullis::spam
