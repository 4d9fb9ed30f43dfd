<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="zh_CN">
<context>
    <name>About</name>
    <message>
        <source>Version</source>
        <translation>版本</translation>
    </message>
    <message>
        <source>Devices</source>
        <translation>设备</translation>
    </message>
    <message>
        <source>In use</source>
        <translation>使用中</translation>
    </message>
    <message>
        <source>nothing is loaded yet</source>
        <translation>尚未加载</translation>
    </message>
    <message>
        <source>Models</source>
        <translation>模型</translation>
    </message>
    <message>
        <source>Cleans noisy pictures on this computer. No picture leaves it.</source>
        <translation>在本机上为图片降噪,图片不会离开本机。</translation>
    </message>
    <message>
        <source>Free software under the Apache License 2.0.</source>
        <translation>自由软件,采用 Apache 许可证 2.0。</translation>
    </message>
    <message>
        <source>About denoise-ae</source>
        <translation>关于 denoise-ae</translation>
    </message>
</context>
<context>
    <name>Actions</name>
    <message>
        <source>&amp;File</source>
        <translation>文件(&amp;F)</translation>
    </message>
    <message>
        <source>&amp;Edit</source>
        <translation>编辑(&amp;E)</translation>
    </message>
    <message>
        <source>&amp;View</source>
        <translation>视图(&amp;V)</translation>
    </message>
    <message>
        <source>&amp;Compare</source>
        <translation>比较(&amp;C)</translation>
    </message>
    <message>
        <source>&amp;Help</source>
        <translation>帮助(&amp;H)</translation>
    </message>
    <message>
        <source>&amp;Open…</source>
        <translation>打开(&amp;O)…</translation>
    </message>
    <message>
        <source>Add pictures to the &amp;batch…</source>
        <translation>将图片加入批处理(&amp;B)…</translation>
    </message>
    <message>
        <source>&amp;Save</source>
        <translation>保存(&amp;S)</translation>
    </message>
    <message>
        <source>Save &amp;as…</source>
        <translation>另存为(&amp;A)…</translation>
    </message>
    <message>
        <source>&amp;Quit</source>
        <translation>退出(&amp;Q)</translation>
    </message>
    <message>
        <source>&amp;Copy result</source>
        <translation>复制结果(&amp;C)</translation>
    </message>
    <message>
        <source>&amp;Paste picture</source>
        <translation>粘贴图片(&amp;P)</translation>
    </message>
    <message>
        <source>Zoom &amp;in</source>
        <translation>放大(&amp;I)</translation>
    </message>
    <message>
        <source>Zoom &amp;out</source>
        <translation>缩小(&amp;O)</translation>
    </message>
    <message>
        <source>&amp;Fit</source>
        <translation>适合窗口(&amp;F)</translation>
    </message>
    <message>
        <source>&amp;100 %</source>
        <translation>&amp;100 %</translation>
    </message>
    <message>
        <source>&amp;Keys</source>
        <translation>快捷键(&amp;K)</translation>
    </message>
    <message>
        <source>&amp;About denoise-ae</source>
        <translation>关于 denoise-ae(&amp;A)</translation>
    </message>
    <message>
        <source>&amp;Wipe</source>
        <translation>分割(&amp;W)</translation>
    </message>
    <message>
        <source>&amp;Side by side</source>
        <translation>并排(&amp;S)</translation>
    </message>
    <message>
        <source>&amp;Difference</source>
        <translation>差异(&amp;D)</translation>
    </message>
    <message>
        <source>&amp;Picture</source>
        <translation>图片(&amp;P)</translation>
    </message>
    <message>
        <source>&amp;Batch list</source>
        <translation>批处理列表(&amp;B)</translation>
    </message>
    <message>
        <source>Edit settings &amp;{}</source>
        <translation>编辑设置 &amp;{}</translation>
    </message>
    <message>
        <source>&amp;Compare A with B</source>
        <translation>比较 A 与 B(&amp;C)</translation>
    </message>
    <message>
        <source>&amp;Give both the active settings</source>
        <translation>两者都用当前设置(&amp;G)</translation>
    </message>
    <message>
        <source>Toolbar</source>
        <translation>工具栏</translation>
    </message>
    <message>
        <source>Space, held</source>
        <translation>按住空格键</translation>
    </message>
    <message>
        <source>show the original</source>
        <translation>显示原图</translation>
    </message>
    <message>
        <source>Mouse wheel, + and -</source>
        <translation>鼠标滚轮、+ 和 -</translation>
    </message>
    <message>
        <source>zoom</source>
        <translation>缩放</translation>
    </message>
    <message>
        <source>Drag, arrow keys</source>
        <translation>拖动、方向键</translation>
    </message>
    <message>
        <source>move the picture</source>
        <translation>移动图片</translation>
    </message>
    <message>
        <source>Drag the divider, comma and full stop</source>
        <translation>拖动分割线、逗号和句点</translation>
    </message>
    <message>
        <source>wipe between before and after</source>
        <translation>在前后之间滑动</translation>
    </message>
    <message>
        <source>Double click, 0</source>
        <translation>双击、0</translation>
    </message>
    <message>
        <source>fit the picture into the window</source>
        <translation>使图片适合窗口</translation>
    </message>
    <message>
        <source>show each pixel as one of the screen</source>
        <translation>图片像素与屏幕像素一一对应</translation>
    </message>
    <message>
        <source>wipe, side by side, difference</source>
        <translation>分割、并排、差异</translation>
    </message>
    <message>
        <source>Keys</source>
        <translation>快捷键</translation>
    </message>
</context>
<context>
    <name>Background</name>
    <message>
        <source>There is not enough memory for this</source>
        <translation>内存不足，无法完成</translation>
    </message>
    <message>
        <source>close other programs, or take a smaller picture</source>
        <translation>请关闭其他程序，或换用较小的图片</translation>
    </message>
    <message>
        <source>this is a fault of denoise-ae</source>
        <translation>这是 denoise-ae 的错误</translation>
    </message>
</context>
<context>
    <name>BatchModel</name>
    <message>
        <source>Picture</source>
        <translation>图片</translation>
    </message>
    <message>
        <source>State</source>
        <translation>状态</translation>
    </message>
    <message>
        <source>Noise</source>
        <translation>噪声</translation>
    </message>
    <message>
        <source>Time</source>
        <translation>时间</translation>
    </message>
    <message>
        <source>{:.1f} s</source>
        <translation>{:.1f} 秒</translation>
    </message>
    <message>
        <source>Cleaning, {} %</source>
        <translation>降噪中,{} %</translation>
    </message>
    <message>
        <source>Done</source>
        <translation>完成</translation>
    </message>
    <message>
        <source>Skipped: {}</source>
        <translation>已跳过:{}</translation>
    </message>
    <message>
        <source>Waiting</source>
        <translation>等待中</translation>
    </message>
    <message>
        <source>hardly any noise was found</source>
        <translation>几乎没有噪声</translation>
    </message>
</context>
<context>
    <name>BatchPanel</name>
    <message>
        <source>Pictures to clean</source>
        <translation>待降噪的图片</translation>
    </message>
    <message>
        <source>Add pictures…</source>
        <translation>添加图片…</translation>
    </message>
    <message>
        <source>Add folder…</source>
        <translation>添加文件夹…</translation>
    </message>
    <message>
        <source>Empty the list</source>
        <translation>清空列表</translation>
    </message>
    <message>
        <source>Start</source>
        <translation>开始</translation>
    </message>
    <message>
        <source>Pause</source>
        <translation>暂停</translation>
    </message>
    <message>
        <source>Pauses when the picture at hand is done</source>
        <translation>当前图片完成后暂停</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>取消</translation>
    </message>
    <message>
        <source>Retry failed</source>
        <translation>重试失败项</translation>
    </message>
    <message>
        <source>Open results&apos; folder</source>
        <translation>打开结果文件夹</translation>
    </message>
    <message>
        <source>beside each picture, as NAME-clean</source>
        <translation>与图片同一文件夹,名为 NAME-clean</translation>
    </message>
    <message>
        <source>Folder for the results</source>
        <translation>结果文件夹</translation>
    </message>
    <message>
        <source>Choose the folder for the results</source>
        <translation>选择结果文件夹</translation>
    </message>
    <message>
        <source>Results that exist</source>
        <translation>已有的结果</translation>
    </message>
    <message>
        <source>Skip what is done already</source>
        <translation>跳过已完成的</translation>
    </message>
    <message>
        <source>Replace older results</source>
        <translation>替换旧结果</translation>
    </message>
    <message>
        <source>Progress of the batch</source>
        <translation>批处理进度</translation>
    </message>
    <message>
        <source>&amp;Results go</source>
        <translation>结果位置(&amp;R)</translation>
    </message>
    <message>
        <source>Drop pictures and folders here.</source>
        <translation>将图片和文件夹拖到这里。</translation>
    </message>
    <message>
        <source>{} pictures</source>
        <translation>{} 张图片</translation>
    </message>
    <message>
        <source>{} done</source>
        <translation>{} 张完成</translation>
    </message>
    <message>
        <source>{} skipped</source>
        <translation>{} 张跳过</translation>
    </message>
    <message>
        <source>{} failed</source>
        <translation>{} 张失败</translation>
    </message>
    <message>
        <source>paused</source>
        <translation>已暂停</translation>
    </message>
    <message>
        <source>about {} min left</source>
        <translation>还剩约 {} 分钟</translation>
    </message>
    <message>
        <source>Add pictures to the list</source>
        <translation>将图片加入列表</translation>
    </message>
    <message>
        <source>Add a folder to the list</source>
        <translation>将文件夹加入列表</translation>
    </message>
</context>
<context>
    <name>MainWindow</name>
    <message>
        <source>Drop a picture here, or press Ctrl+O.

Several pictures or a folder go to the batch.</source>
        <translation>将图片拖到这里,或按 Ctrl+O。

多张图片或文件夹会加入批处理。</translation>
    </message>
    <message>
        <source>Cleaning</source>
        <translation>降噪</translation>
    </message>
    <message>
        <source>Saving</source>
        <translation>保存</translation>
    </message>
    <message>
        <source>How much of the picture is clean</source>
        <translation>图片已降噪的比例</translation>
    </message>
    <message>
        <source>Stop</source>
        <translation>停止</translation>
    </message>
    <message>
        <source>Stop cleaning</source>
        <translation>停止降噪</translation>
    </message>
    <message>
        <source>All files (*)</source>
        <translation>所有文件 (*)</translation>
    </message>
    <message>
        <source>Open pictures</source>
        <translation>打开图片</translation>
    </message>
    <message>
        <source>There is no picture on the clipboard</source>
        <translation>剪贴板中没有图片</translation>
    </message>
    <message>
        <source>The pasted picture</source>
        <translation>粘贴的图片</translation>
    </message>
    <message>
        <source>Opening…</source>
        <translation>正在打开…</translation>
    </message>
    <message>
        <source>Original</source>
        <translation>原图</translation>
    </message>
    <message>
        <source>Pasted picture</source>
        <translation>粘贴的图片</translation>
    </message>
    <message>
        <source>noise estimated</source>
        <translation>自动估计噪声</translation>
    </message>
    <message>
        <source>noise {:g}</source>
        <translation>噪声 {:g}</translation>
    </message>
    <message>
        <source>luminance {} %, colour {} %</source>
        <translation>亮度 {} %，颜色 {} %</translation>
    </message>
    <message>
        <source>These settings can&apos;t be shown</source>
        <translation>无法显示这些设置的结果</translation>
    </message>
    <message>
        <source>Stopped</source>
        <translation>已停止</translation>
    </message>
    <message>
        <source>Cleaning; what you see comes first</source>
        <translation>降噪中,可见部分优先</translation>
    </message>
    <message>
        <source>Clean</source>
        <translation>已降噪</translation>
    </message>
    <message>
        <source>Go on</source>
        <translation>继续</translation>
    </message>
    <message>
        <source>Unsaved work</source>
        <translation>未保存</translation>
    </message>
    <message>
        <source>The result of {} is not saved.</source>
        <translation>{} 的结果尚未保存。</translation>
    </message>
    <message>
        <source>The batch is running</source>
        <translation>批处理正在运行</translation>
    </message>
    <message>
        <source>Stop the batch and close?</source>
        <translation>停止批处理并关闭?</translation>
    </message>
</context>
<context>
    <name>MessageBar</name>
    <message>
        <source>Message</source>
        <translation>消息</translation>
    </message>
    <message>
        <source>Close the message</source>
        <translation>关闭消息</translation>
    </message>
</context>
<context>
    <name>Models</name>
    <message>
        <source>Convolutional autoencoder for 28x28 digits, white on black, with a latent code of 64 numbers</source>
        <translation>卷积自编码器，用于 28x28 的黑底白字数字，潜在编码为 64 个数</translation>
    </message>
    <message>
        <source>Convolutional autoencoder for 28x28 digits, white on black, with skip connections past its 64-number code</source>
        <translation>卷积自编码器，用于 28x28 的黑底白字数字，带有绕过 64 个数编码的跳跃连接</translation>
    </message>
    <message>
        <source>Variational autoencoder for 28x28 digits, white on black, with a latent code of 16 numbers to draw new ones from</source>
        <translation>用于 28x28 白字黑底数字的变分自编码器，其 16 个数的潜在编码可用来绘制新的数字</translation>
    </message>
    <message>
        <source>Residual U-Net for photographs, colour and gray, that is told the level of white noise</source>
        <translation>残差 U-Net，用于彩色和灰度照片，需告知白噪声的水平</translation>
    </message>
    <message>
        <source>Residual U-Net for photographs, colour and gray, with camera noise, JPEG or white noise; estimates the level itself</source>
        <translation>残差 U-Net，用于带相机噪声、JPEG 痕迹或白噪声的彩色和灰度照片，自行估计噪声水平</translation>
    </message>
    <message>
        <source>Smaller residual U-Net for photographs, colour and gray, with camera noise, JPEG or white noise; estimates the level itself</source>
        <translation>较小的残差 U-Net，用于带相机噪声、JPEG 痕迹或白噪声的彩色和灰度照片，自行估计噪声水平</translation>
    </message>
</context>
<context>
    <name>Results</name>
    <message>
        <source>Save the result</source>
        <translation>保存结果</translation>
    </message>
    <message>
        <source>{} is the noisy original. Replace it by the result?</source>
        <translation>{} 是有噪声的原图。要用结果替换它吗?</translation>
    </message>
    <message>
        <source>Replace {}?</source>
        <translation>替换 {}?</translation>
    </message>
    <message>
        <source>The file exists</source>
        <translation>文件已存在</translation>
    </message>
    <message>
        <source>Saving…</source>
        <translation>正在保存…</translation>
    </message>
    <message>
        <source>Saved as {}</source>
        <translation>已保存为 {}</translation>
    </message>
    <message>
        <source>Saves as soon as the picture is clean…</source>
        <translation>图片降噪完成后保存…</translation>
    </message>
    <message>
        <source>Copying…</source>
        <translation>正在复制…</translation>
    </message>
    <message>
        <source>The result is on the clipboard</source>
        <translation>结果已在剪贴板中</translation>
    </message>
    <message>
        <source>Copies as soon as the picture is clean…</source>
        <translation>图片降噪完成后复制…</translation>
    </message>
    <message>
        <source>Pictures ({})</source>
        <translation>图片 ({})</translation>
    </message>
</context>
<context>
    <name>SavePanel</name>
    <message>
        <source>File format</source>
        <translation>文件格式</translation>
    </message>
    <message>
        <source>As the picture</source>
        <translation>与图片相同</translation>
    </message>
    <message>
        <source>Quality near the picture&apos;s own</source>
        <translation>质量接近原图</translation>
    </message>
    <message>
        <source>Quality, 1 to 100</source>
        <translation>质量,1 到 100</translation>
    </message>
    <message>
        <source>Keep metadata (EXIF, colour profile)</source>
        <translation>保留元数据(EXIF、色彩配置)</translation>
    </message>
    <message>
        <source>Keep the file&apos;s date</source>
        <translation>保留文件日期</translation>
    </message>
    <message>
        <source>Save as…</source>
        <translation>另存为…</translation>
    </message>
    <message>
        <source>F&amp;ormat</source>
        <translation>格式(&amp;O)</translation>
    </message>
</context>
<context>
    <name>SettingsPanel</name>
    <message>
        <source>Settings {}</source>
        <translation>设置 {}</translation>
    </message>
    <message>
        <source>Edit and save settings {}</source>
        <translation>编辑并保存设置 {}</translation>
    </message>
    <message>
        <source>Compare A with B</source>
        <translation>比较 A 与 B</translation>
    </message>
    <message>
        <source>Show A left and B right of the divider, instead of the original</source>
        <translation>在分割线左侧显示 A、右侧显示 B,不显示原图</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>模型</translation>
    </message>
    <message>
        <source>Estimate it</source>
        <translation>自动估计</translation>
    </message>
    <message>
        <source>Estimated noise level</source>
        <translation>估计的噪声水平</translation>
    </message>
    <message>
        <source>Noise level</source>
        <translation>噪声水平</translation>
    </message>
    <message>
        <source>Noise level in steps of 255</source>
        <translation>噪声水平(以 255 级计)</translation>
    </message>
    <message>
        <source>Strength</source>
        <translation>强度</translation>
    </message>
    <message>
        <source>Strength in percent</source>
        <translation>强度(百分比)</translation>
    </message>
    <message>
        <source>More</source>
        <translation>更多</translation>
    </message>
    <message>
        <source>Luminance and colour apart, hot pixels</source>
        <translation>亮度与颜色分开、热像素</translation>
    </message>
    <message>
        <source>Luminance and colour apart</source>
        <translation>亮度与颜色分开</translation>
    </message>
    <message>
        <source>Colour noise disturbs more and holds less detail: remove more of it</source>
        <translation>颜色噪声更扰眼，细节更少：可以多去除一些</translation>
    </message>
    <message>
        <source>Luminance</source>
        <translation>亮度</translation>
    </message>
    <message>
        <source>Luminance in percent</source>
        <translation>亮度百分比</translation>
    </message>
    <message>
        <source>Colour</source>
        <translation>颜色</translation>
    </message>
    <message>
        <source>Colour in percent</source>
        <translation>颜色百分比</translation>
    </message>
    <message>
        <source>Fill hot and dead pixels</source>
        <translation>填补热像素和坏点</translation>
    </message>
    <message>
        <source>Single pixels of a photograph that a faulty sensor made bright or dark</source>
        <translation>照片中因传感器缺陷而变亮或变暗的单个像素</translation>
    </message>
    <message>
        <source>Hot and dead pixels that were found</source>
        <translation>找到的热像素和坏点</translation>
    </message>
    <message>
        <source>&amp;Model</source>
        <translation>模型(&amp;M)</translation>
    </message>
    <message>
        <source>&amp;Noise level</source>
        <translation>噪声水平(&amp;N)</translation>
    </message>
    <message>
        <source>S&amp;trength</source>
        <translation>强度(&amp;T)</translation>
    </message>
    <message>
        <source>{:.1f}, hardly any</source>
        <translation>{:.1f},几乎没有</translation>
    </message>
    <message>
        <source>{} found</source>
        <translation>找到 {} 个</translation>
    </message>
</context>
<context>
    <name>View</name>
    <message>
        <source>Picture, before and after</source>
        <translation>图片,前后对比</translation>
    </message>
    <message>
        <source>Arrow keys move the picture, plus and minus zoom, comma and full stop move the divider.</source>
        <translation>方向键移动图片,加减号缩放,逗号和句点移动分割线。</translation>
    </message>
    <message>
        <source>What was removed, amplified</source>
        <translation>去除的内容(已放大)</translation>
    </message>
    <message>
        <source>Original</source>
        <translation>原图</translation>
    </message>
</context>
</TS>
