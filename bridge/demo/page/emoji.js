// Slack's names of common emoji, and skin tones left aside. Unknown names stay as they were written.

const TABLE = `
+1 👍|thumbsup 👍|-1 👎|thumbsdown 👎|wave 👋|clap 👏|pray 🙏|raised_hands 🙌|ok_hand 👌|point_right 👉|point_left 👈
point_up 👆|point_down 👇|muscle 💪|handshake 🤝|eyes 👀|brain 🧠|bust_in_silhouette 👤|busts_in_silhouette 👥
smile 😄|grinning 😀|smiley 😃|grin 😁|joy 😂|slightly_smiling_face 🙂|wink 😉|blush 😊|heart_eyes 😍|thinking_face 🤔
neutral_face 😐|sweat_smile 😅|sob 😭|cry 😢|disappointed 😞|angry 😠|sunglasses 😎|tada 🎉|sparkles ✨|fire 🔥|star ⭐
heart ❤️|broken_heart 💔|100 💯|rocket 🚀|zap ⚡|bulb 💡|bell 🔔|no_bell 🔕|mute 🔇|mega 📣|loudspeaker 📢|speech_balloon 💬
warning ⚠️|rotating_light 🚨|exclamation ❗|heavy_exclamation_mark ❗|question ❓|grey_question ❔|x ❌|heavy_check_mark ✔️
white_check_mark ✅|ballot_box_with_check ☑️|no_entry ⛔|no_entry_sign 🚫|octagonal_sign 🛑|stop_sign 🛑|construction 🚧
red_circle 🔴|large_orange_circle 🟠|large_yellow_circle 🟡|large_green_circle 🟢|large_blue_circle 🔵|large_purple_circle 🟣
white_circle ⚪|black_circle ⚫|large_blue_square 🟦|large_orange_square 🟧|large_white_circle ⚪|radio_button 🔘|small_blue_diamond 🔹|small_orange_diamond 🔸
email 📧|e-mail 📧|envelope ✉️|envelope_with_arrow 📩|incoming_envelope 📨|outbox_tray 📤|inbox_tray 📥|mailbox 📫
mailbox_with_mail 📬|mailbox_with_no_mail 📭|postbox 📮|package 📦|paperclip 📎|linked_paperclips 🖇️|label 🏷️|bookmark 🔖
pushpin 📌|round_pushpin 📍|memo 📝|pencil 📝|pencil2 ✏️|page_facing_up 📄|page_with_curl 📃|clipboard 📋|calendar 📆
date 📅|file_folder 📁|open_file_folder 📂|card_index 📇|card_file_box 🗃️|file_cabinet 🗄️|wastebasket 🗑️|scissors ✂️
lock 🔒|unlock 🔓|key 🔑|mag 🔍|mag_right 🔎|link 🔗|globe_with_meridians 🌐|phone 📞|telephone_receiver 📞|iphone 📱
heavy_plus_sign ➕|heavy_minus_sign ➖|hourglass ⌛|hourglass_flowing_sand ⏳|alarm_clock ⏰|stopwatch ⏱️|timer_clock ⏲️|clock1 🕐|clock3 🕒|clock9 🕘|zzz 💤
arrow_right ➡️|arrow_left ⬅️|arrow_up ⬆️|arrow_down ⬇️|arrow_upper_right ↗️|arrow_right_hook ↪️|leftwards_arrow_with_hook ↩️
fast_forward ⏩|twisted_rightwards_arrows 🔀|arrows_counterclockwise 🔄|repeat 🔁|recycle ♻️|back 🔙|new 🆕|ok 🆗|sos 🆘|information_source ℹ️
gear ⚙️|wrench 🔧|hammer 🔨|toolbox 🧰|robot_face 🤖|ghost 👻|bug 🐛|shield 🛡️|money_with_wings 💸|credit_card 💳
moneybag 💰|euro 💶|dollar 💵|receipt 🧾|chart_with_upwards_trend 📈|bar_chart 📊|trophy 🏆|gift 🎁|coffee ☕|tea 🍵
truck 🚚|airplane ✈️|house 🏠|office 🏢|sunny ☀️|cloud ☁️|umbrella ☔|snowflake ❄️|rainbow 🌈|seedling 🌱|herb 🌿
snail 🐌|bee 🐝|dog 🐶|cat 🐱|newspaper 📰|scroll 📜|left_speech_bubble 🗨️|thought_balloon 💭|floppy_disk 💾|printer 🖨️|telescope 🔭|books 📚|triangular_flag_on_post 🚩|checkered_flag 🏁|flag-kr 🇰🇷|flag-us 🇺🇸
bellhop_bell 🛎️|ticket 🎫|admission_tickets 🎟️|dart 🎯|jigsaw 🧩|thread 🧵|see_no_evil 🙈|writing_hand ✍️|v ✌️|eye 👁️
`;

const CHARACTERS = new Map(TABLE.trim().split(/[|\n]/).map((entry) => entry.split(" ")));

/** The character of a name such as "tada", or null. */
export const emoji = (name) => CHARACTERS.get(name) ?? null;

/** Text with its :names: turned into characters. */
export const withEmoji = (text) => text.replace(/:([a-z0-9_+-]+):/g, (whole, name) => emoji(name) ?? whole);
