// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Error.h"

#include <tl/expected.hpp>

#include <type_traits>
#include <utility>

namespace portcullis {

/// A value or the Error that prevented it. Discarding one does not compile.
///
/// `tl::expected` has the interface of C++23's std::expected, so leaving it later means changing
/// this file alone. We read downwards with TRY() instead of chaining.
template<typename T>
class [[nodiscard]] Result : public tl::expected<T, Error>
{
public:
    using tl::expected<T, Error>::expected;

    // NOLINTNEXTLINE(google-explicit-constructor) `return Error::permanent(...)` is the idiom.
    Result(Error error)
        : tl::expected<T, Error>(tl::unexpect, std::move(error))
    {
    }

    /// Moves the value out (nothing for Result<void>). Only after has_value(); TRY() uses it.
    T take()
    {
        if constexpr (!std::is_void_v<T>) {
            return std::move(**this);
        }
    }
};

/// Success without a value: `return ok();`
using Status = Result<void>;

inline Status ok()
{
    return {};
}

}  // namespace portcullis

/// Evaluates a Result and hands its value on; returns its Error from the calling function.
#define TRY(expression)                                                                            \
    ({                                                                                             \
        auto portcullisTryResult = (expression);                                                   \
        if (!portcullisTryResult.has_value()) {                                                    \
            return std::move(portcullisTryResult).error();                                         \
        }                                                                                          \
        portcullisTryResult.take();                                                                \
    })
